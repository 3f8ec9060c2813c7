#!/bin/bash -p
# Installs packages with apt-get, for the scripts that source it.

# Arguments: package names, or package files with a / in the path. Becomes root through sudo if needed.
apt_install() (
    umask 022 # files that packages create must be readable by everyone
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
        if ! command -v sudo >/dev/null; then
            echo "Packages are missing, and sudo is not installed. Run as root:" >&2
            echo "  apt-get update && apt-get install --no-install-recommends $*" >&2
            exit 1
        fi
    fi
    echo "Installing with apt-get${as_root[0]:+ (as root through sudo)}: $*"

    # Debian would start nginx (port 80), Prometheus (port 9090) and PgBouncer (port 6432) when they are installed. The
    # gateway runs its own nginx, and the tests need only promtool and a PgBouncer of their own.
    guard=/usr/sbin/policy-rc.d
    guard_text="#!/bin/sh
# Made by apt.sh of sms-gateway for as long as that runs.
exit 101"
    guarded=no
    new_services=()
    [ -x /usr/sbin/nginx ] || new_services+=(nginx)
    [ -x /usr/bin/prometheus ] || new_services+=(prometheus)
    [ -x /usr/sbin/pgbouncer ] || new_services+=(pgbouncer)
    if [ -e "$guard" ] && [ "$(cat "$guard")" = "$guard_text" ]; then
        guarded=yes # of a run that was killed: no service at all would start as it is installed
    elif [ ${#new_services[@]} -gt 0 ] && [ ! -e "$guard" ]; then
        guarded=yes
        echo "$guard_text" | "${as_root[@]}" tee "$guard" >/dev/null
        "${as_root[@]}" chmod 755 "$guard"
    fi
    # The tests start PostgreSQL servers of their own: no cluster is made, and so none is started.
    no_cluster=
    if [[ " $* " == *" postgresql "* ]] && [ ! -x /usr/bin/pg_createcluster ]; then
        no_cluster=/etc/postgresql-common/createcluster.d/sms-gateway-tests.conf
        "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
        echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
    fi
    # shellcheck disable=SC2317
    unguard() {
        [ "$guarded" = no ] || "${as_root[@]}" rm -f "$guard"
        [ -z "$no_cluster" ] || "${as_root[@]}" rm -f "$no_cluster"
        [ -z "$no_cluster" ] || "${as_root[@]}" rmdir --ignore-fail-on-non-empty -p "$(dirname "$no_cluster")" || true
    }
    trap unguard EXIT

    "${as_root[@]}" apt-get update -q || echo "apt-get update failed; using the package lists of this machine." >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=900 "$@" || exit 1
    if [ "$guarded" = yes ] && command -v systemctl >/dev/null; then
        for service in "${new_services[@]}"; do
            [ -x "/usr/sbin/$service" ] || [ -x "/usr/bin/$service" ] || continue
            "${as_root[@]}" systemctl disable --quiet "$service.service" || true
            echo "Debian's $service.service was not started and is disabled."
        done
    fi
)
