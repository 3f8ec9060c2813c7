#!/usr/bin/env bash
# What the scripts of an installed gateway share: where it has what, and how it is asked. They source it.
# shellcheck disable=SC2034 # who sources it uses them

settings_file=/etc/sms-gateway/settings.env
tls_folder=/etc/sms-gateway/tls
tls_copies=/run/sms-gateway-tls
data_folder=/var/lib/sms-gateway
package_folder=/var/lib/sms-gateway-packages # beside the data: a restore of one is none of the other
programs=/usr/lib/sms-gateway
program_units=(sms-gateway-api.service sms-gateway-broker.service)
all_units=("${program_units[@]}" sms-gateway-nginx.service)

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

# Sets a variable for each setting.
read_settings() {
    local lines
    lines=$("$programs/api-fcgi" --check-config) ||
        refuse "the settings are not valid; mend $settings_file as said above."
    eval "$lines" # NAME=value or NAME='value'; no value has a quote
}

# A command as another user, in the same process.
as_user() {
    local user=$1
    shift
    setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=-all -- "$@"
}

# The operator's tool, as the user whose files it writes.
gateway() {
    as_user sms-gateway /usr/bin/sms-gateway "$@"
}

installed_version() {
    dpkg-query -W -f='${Version}' sms-gateway 2>/dev/null || true
}

# As root, with the settings read. Where this machine itself asks without a certificate: with TLS plain HTTP
# is on 127.0.0.1 alone.
local_url() {
    local address=$LISTEN_ADDRESS
    case "$address" in
    0.0.0.0 | \* | :: | \[::\]) address=127.0.0.1 ;;
    esac
    [ -z "$TLS_CERTIFICATE" ] || address=127.0.0.1
    [[ $address != *:* || $address == \[* ]] || address="[$address]"
    echo "http://$address:$HTTP_PORT"
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
    curl -fs -o /dev/null --max-time 5 "$(local_url)/readyz"
}

all_active() {
    systemctl is-active --quiet "${all_units[@]}"
}

show_log() {
    echo "What the gateway said last (journalctl -u 'sms-gateway-*' shows all):" >&2
    journalctl --no-pager --quiet --output=cat --lines=15 --unit='sms-gateway-*' >&2 || true
}

some_start() {
    systemctl show --property=ActiveState "${program_units[@]}" | grep -q '=activating$'
}

have_started() {
    all_active || ! some_start
}

# A program that changes a large database before it serves has the time its unit gives it.
wait_for_start() {
    wait_until $((SECONDS + 900)) have_started &&
        wait_until $((SECONDS + 30)) all_active &&
        wait_until $((SECONDS + 30)) is_ready
}

# Keeps the file of a package, so that there is a way back to it.
keep_package() {
    local name
    name=sms-gateway_$(dpkg-deb --field "$1" Version)_$(dpkg-deb --field "$1" Architecture).deb
    install -d -m 755 "$package_folder"
    [ "$(realpath "$1")" = "$package_folder/$name" ] || install -m 644 "$1" "$package_folder/$name"
}
