#!/bin/bash -p
# The TLS files of an installed gateway; as root, and called by its units:
#   certificate.sh take    copies those of the settings to where nginx's user may read them
#   certificate.sh renew   renews a certificate of the gateway's own CA that ends within 30 days, and has
#                          nginx take what is new, whoever renewed it
set -euo pipefail
umask 027

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"
need_root
need_installation

# File of the settings, and its copy; nothing where there is none.
each_file() {
    local pair
    for pair in "$TLS_CERTIFICATE=server.crt" "$TLS_KEY=server.key" "$TLS_CA=ca.crt"; do
        [ -z "${pair%=*}" ] || "$1" "${pair%=*}" "$tls_copies/${pair##*=}"
    done
}

# Copies of what is no longer set would be taken for it.
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
*) refuse_usage "takes take or renew" ;;
esac
