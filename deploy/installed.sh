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

# The operator's tool, as the user whose files it writes.
gateway() {
    runuser -u sms-gateway -- /usr/bin/sms-gateway "$@"
}

installed_version() {
    dpkg-query -W -f='${Version}' sms-gateway 2>/dev/null || true
}
