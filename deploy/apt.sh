#!/usr/bin/env bash
# Installs packages with apt-get, for the scripts that source it.

# Packages, or files of packages with a / in their names. Asks for root only through sudo.
apt_install() (
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
        if ! command -v sudo >/dev/null; then
            echo "These packages are missing, and there is no sudo to install them with. As root, run:" >&2
            echo "  apt-get update && apt-get install --no-install-recommends $*" >&2
            exit 1
        fi
    fi
    echo "Installing with apt-get${as_root[0]:+, as root through sudo}: $*"

    # Debian starts nginx on port 80 as soon as it is installed. Nobody asked for that.
    guard=/usr/sbin/policy-rc.d
    guarded=no
    if [ ! -x /usr/sbin/nginx ] && [ ! -e "$guard" ]; then
        guarded=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" >/dev/null
        "${as_root[@]}" chmod 755 "$guard"
    fi
    # shellcheck disable=SC2317
    unguard() {
        [ "$guarded" = no ] || "${as_root[@]}" rm -f "$guard"
    }
    trap unguard EXIT

    "${as_root[@]}" apt-get update -q || echo "apt-get update failed; what is known already must do." >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" || exit 1
    if [ "$guarded" = yes ] && [ -x /usr/sbin/nginx ] && command -v systemctl >/dev/null; then
        "${as_root[@]}" systemctl disable --quiet nginx.service || true
        echo "The service nginx.service of Debian was not started and is disabled;" \
            "the gateway runs an nginx of its own."
    fi
)
