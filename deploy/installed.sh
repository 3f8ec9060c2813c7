#!/bin/bash -p
# What the scripts of an installed gateway share: where it has what, and how it is asked. They source it.
# shellcheck disable=SC2034 # who sources it uses them

# shellcheck source=deploy/shell.sh
. "${BASH_SOURCE[0]%/*}/shell.sh"

settings_file=/etc/sms-gateway/settings.env
tls_folder=/etc/sms-gateway/tls
tls_copies=/run/sms-gateway-tls
data_folder=/var/lib/sms-gateway
package_folder=/var/lib/sms-gateway-packages # beside the data: a restore of one is none of the other
programs=/usr/lib/sms-gateway
program_units=(sms-gateway-api.service sms-gateway-broker.service)
socket_units=(sms-gateway-api.socket sms-gateway-broker.socket)
all_units=("${socket_units[@]}" "${program_units[@]}" sms-gateway-nginx.service)

refuse() {
    echo "${0##*/}: $*" >&2
    exit 1
}

refuse_usage() {
    echo "${0##*/}: $*; --help lists the options" >&2
    exit 2
}

# The text at the head of a script is its help.
print_help() {
    sed -n '2,/^[^#]/{ s/^# \{0,1\}//p }' "$0"
}

need_root() {
    [ "$(id -u)" -eq 0 ] || refuse "this needs root: run it as root, or with sudo."
}

need_systemd() {
    [ -d /run/systemd/system ] ||
        refuse "systemd does not run here, and it is what starts the gateway. deploy/container is for machines without it."
}

need_installation() {
    [ -x "$programs/api-fcgi" ] || refuse "no gateway is installed here; install.sh does that."
}

# Sets a variable for each setting: read_settings OPTION, which of api-fcgi's says how they are checked.
read_settings() {
    local lines
    lines=$("$programs/api-fcgi" "$1") ||
        refuse "the settings are not valid; mend $settings_file as said above."
    eval "$lines" # NAME=value or NAME='value'; no value has a quote
}

# The operator's tool, as the user whose files it writes.
gateway() {
    setpriv --reuid=sms-gateway --regid=sms-gateway --init-groups --inh-caps=-all -- /usr/bin/sms-gateway "$@"
}

# Nothing where it was removed, also where its settings have stayed.
installed_version() {
    { dpkg-query -W -f='${db:Status-Status} ${Version}\n' sms-gateway 2>/dev/null || true; } |
        sed -n '/^\(config-files\|not-installed\) /!s/.* //p'
}

# As root, with the settings read. Where this machine itself asks without a certificate: with TLS plain HTTP
# is on 127.0.0.1 alone.
local_url() {
    local first
    first=$("$programs/api-fcgi" --print-listeners | head -n 1)
    case "$first" in
    0.0.0.0:* | \[::\]:*) first=127.0.0.1:${first##*:} ;;
    esac
    echo "http://$first"
}

# Until `end` (of SECONDS), every tenth of a second.
wait_until() {
    local end=$1
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

is_ready() {
    ask_directly -fs -o /dev/null --max-time 5 "$(local_url)/readyz"
}

all_active() {
    systemctl is-active --quiet "${all_units[@]}"
}

show_log() {
    echo "What the gateway said last (journalctl -u 'sms-gateway-*' shows all):" >&2
    journalctl --no-pager --quiet --output=cat --lines=15 --unit='sms-gateway-*' >&2 || true
}

# Whether one of the units stands still, or ends again and again.
one_fails() {
    local unit
    for unit in "${all_units[@]}"; do
        case "$(systemctl show --property=ActiveState --value "$unit")" in
        failed | inactive) return 0 ;;
        esac
        [[ $(systemctl show --property=NRestarts --value "$unit") -lt 10 ]] || return 0 # a socket has none
    done
    return 1
}

start_is_decided() {
    all_active || one_fails
}

# A program that changes a large database before it serves has the time its unit gives it.
wait_for_start() {
    wait_until $((SECONDS + 900)) start_is_decided && all_active && wait_until $((SECONDS + 30)) is_ready
}

# Keeps the file of a package, so that there is a way back to it.
keep_package() {
    local name
    name=sms-gateway_$(dpkg-deb --field "$1" Version)_$(dpkg-deb --field "$1" Architecture).deb
    install -d -m 755 "$package_folder"
    [ "$(realpath "$1")" = "$package_folder/$name" ] || install -m 644 "$1" "$package_folder/$name"
}

# Where the package of a version is kept, if it is.
kept_package() {
    echo "$package_folder/sms-gateway_$1_$(dpkg --print-architecture).deb"
}

schema_of_package() {
    dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/sms-gateway/schema-version
}

# dpkg asks nothing about changed settings: those that are there stay.
dpkg_quietly() {
    DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --force-downgrade "$@" </dev/null
}

process_ids() {
    systemctl show --property=MainPID --value "${program_units[@]}" sms-gateway-nginx.service
}

# Whether the installed version serves, and goes on doing so. What hinders it is said.
is_healthy() {
    local before unit program
    wait_for_start || {
        echo "It does not get ready." >&2
        return 1
    }
    systemctl reload sms-gateway-nginx.service || {
        echo "nginx does not take its configuration." >&2
        return 1
    }
    for unit in "${program_units[@]}"; do
        program=$(readlink "/proc/$(systemctl show --property=MainPID --value "$unit")/exe") || program=none
        case "$program" in
        "$programs"/api-fcgi | "$programs"/ws-broker) ;;
        *)
            echo "$unit runs $program, and not what is installed." >&2
            return 1
            ;;
        esac
    done
    before=$(process_ids)
    "$programs/self-test.sh" --light || return 1
    sleep 5 # not to wait for something, but to see that nothing happens
    if [ "$before" != "$(process_ids)" ] || ! is_ready; then
        echo "It ends by itself, or is not ready any more." >&2
        return 1
    fi
}

# Puts an older package in the place of the installed one; what the newer one has accepted stays. The newer
# tool takes the schema back, because the older programs do not know it.
go_back() {
    local older=$1 old_schema new_schema
    systemctl stop "${socket_units[@]}" "${program_units[@]}" || true # the sockets would start them again
    old_schema=$(schema_of_package "$older") && new_schema=$(cat /usr/share/sms-gateway/schema-version) || return 1
    if [ "$new_schema" -gt "$old_schema" ]; then
        gateway database downgrade --to "$old_schema" || return 1
    fi
    dpkg_quietly --install "$older" || return 1
    systemctl start sms-gateway.target "${all_units[@]}" || true # what is wrong shows in is_healthy
}
