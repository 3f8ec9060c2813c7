#!/bin/bash -p
# Manages the TLS files of an installed gateway; run as root by its units:
#   certificate.sh take    copies the TLS files to where nginx's user may read them
#   certificate.sh renew   renews a certificate of the gateway's own CA that expires within 30 days, and reloads
#                          nginx if any TLS file has changed
set -euo pipefail
umask 027

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"
need_root
need_installation

# Runs a function for each TLS file that is set, with its path and the path of its copy.
each_file() {
    local pair
    for pair in "$TLS_CERTIFICATE=server.crt" "$TLS_KEY=server.key" "$TLS_CA=ca.crt"; do
        [ -z "${pair%=*}" ] || "$1" "${pair%=*}" "$tls_copies/${pair##*=}"
    done
}

# Removes copies of files that are no longer set.
forget_others() {
    local pair
    for pair in "$TLS_CERTIFICATE=server.crt" "$TLS_KEY=server.key" "$TLS_CA=ca.crt"; do
        [ -n "${pair%=*}" ] || rm -f "$tls_copies/${pair##*=}"
    done
}

take_file() {
    install -m 0640 -g sms-gateway-web "$1" "$2"
}

is_new() {
    cmp -s "$1" "$2" || found_new=yes
}

renew() {
    if [ "$TLS_CERTIFICATE" = "$tls_folder/server.crt" ] && [ -r "$tls_folder/ca.key" ] &&
        ! openssl x509 -noout -checkend $((30 * 86400)) -in "$TLS_CERTIFICATE" >/dev/null; then
        "$programs/lan-certificate.sh" --folder "$tls_folder" --settings "$settings_file"
    fi
    found_new=no
    each_file is_new
    [ "$found_new" = no ] || systemctl reload sms-gateway-nginx.service
}

case "${1-}" in
take)
    read_settings --check-front
    forget_others
    each_file take_file
    ;;
renew)
    read_settings --check-config
    renew
    ;;
*) refuse_usage "the action must be take or renew" ;;
esac
