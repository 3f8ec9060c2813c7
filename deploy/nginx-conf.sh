#!/usr/bin/env bash
# Writes nginx's configuration from the settings, for `make run` and for sms-gateway-nginx.service:
#   nginx-conf.sh FOLDER_OF_PROGRAMS
# Variables that say where an installed gateway has what `make run` has in its source folder and RUNTIME_DIR:
#   NGINX_SOURCE      the configuration's templates
#   NGINX_SITE        the documentation pages
#   NGINX_DIR         where the configuration goes, and nginx's own files
#   NGINX_TLS_DIR     copies of the TLS files that nginx's user may read: server.crt, server.key, ca.crt
#   NGINX_ACCESS_LOG  where the access log goes, as nginx's access_log has it
set -euo pipefail
umask 027

here=$(cd "$(dirname "$0")" && pwd)
settings=$("$1/api-fcgi" --check-config)
eval "$settings" # NAME=value or NAME='value'; no value has a quote
if [ -n "${NGINX_TLS_DIR-}" ] && [ -n "$TLS_CERTIFICATE" ]; then
    TLS_CERTIFICATE=$NGINX_TLS_DIR/server.crt
    TLS_KEY=${TLS_KEY:+$NGINX_TLS_DIR/server.key}
    TLS_CA=${TLS_CA:+$NGINX_TLS_DIR/ca.crt}
fi
: "${NGINX_SOURCE:=${here%/*}/nginx}" "${NGINX_SITE:=${here%/*}/build/site}" "${NGINX_DIR:=$RUNTIME_DIR}"
: "${NGINX_ACCESS_LOG:=$NGINX_DIR/access.log gateway buffer=64k flush=1s}"
# shellcheck disable=SC1091
. "$here/listen.sh"
check_listen

file_limit=$(ulimit -Hn)
most_files=20480 # nginx makes room for each at its start
if [ "$file_limit" = unlimited ] || [ "$file_limit" -gt "$most_files" ]; then
    file_limit=$most_files
fi
user=
if [ "$(id -u)" -eq 0 ]; then # `make run` as root
    user="user root;" # its workers must reach sockets that are root's
fi

absolute() {
    case "$1" in
    '' | /*) echo "$1" ;;
    *) echo "$PWD/$1" ;; # nginx would begin at its configuration file
    esac
}

# Workers share phones evenly. A connection comes to one when it has said something: those that wait
# for a first word are what nginx closes when its places become few, and all new phones would be among
# them.
listen() {
    local address=$1 port=$2 options="backlog=4096 reuseport deferred"
    if [[ $address =~ ^\[?::\]?$ ]]; then # every address: of IPv4 by a listener of its own, as it is counted by
        echo "listen [::]:$port ${3:-} ipv6only=on $options;"
        address=0.0.0.0
    fi
    echo "listen $(in_brackets "$address"):$port ${3:-} $options;"
}

# What follows from the settings inside the server block …
server_settings() {
    if speaks_tls; then
        listen 127.0.0.1 "$HTTP_PORT"
        listen "$LISTEN_ADDRESS" "$HTTPS_PORT" ssl
        echo "ssl_certificate \"$(absolute "$TLS_CERTIFICATE")\";"
        echo "ssl_certificate_key \"$(absolute "$TLS_KEY")\";"
        echo "include gateway-tls.conf;"
    else
        listen "$LISTEN_ADDRESS" "$HTTP_PORT"
    fi
    echo "client_max_body_size $MAX_BODY_BYTES;"
    echo "client_body_buffer_size $MAX_BODY_BYTES;  # no body goes to the disk"
    [ "$API_KEYS" = required ] || echo "if (\$host_is_foreign) { return 421; }"
    [ "$ADDRESS_REQUESTS_PER_SECOND" -eq 0 ] ||
        echo "limit_req zone=address_requests burst=$ADDRESS_REQUESTS_PER_SECOND nodelay;"
    [ "$ADDRESS_CONNECTIONS" -eq 0 ] || echo "limit_conn address_connections $ADDRESS_CONNECTIONS;"
}

# Without API keys a page could reach the API through a name of its own that leads here (DNS rebinding).
# It cannot through an address, or through the gateway's own names.
own_names() {
    local public=${PUBLIC_URL#*://}
    public=${public%%:*}
    echo "map \$uri \$host_or_page { volatile; default \$host; ~^/problem/ \"\"; }" # not of the refusal itself
    echo "map \$host_or_page \$host_is_foreign {"
    echo "    volatile;"
    echo "    default 1;"
    echo "    \"\" 0;"
    echo "    ~^[0-9.]+\$ 0;"
    echo "    ~^\[ 0;"
    printf '%s\n' localhost "$(without_brackets "$LISTEN_ADDRESS")" "$public" |
        grep -E '^[A-Za-z][A-Za-z0-9._-]*$' | sort -u | sed 's/.*/    "&" 0;/'
    echo "}"
}

# … and around it.
http_settings() {
    local rate=$ADDRESS_REQUESTS_PER_SECOND
    [ "$rate" -ne 0 ] || rate=1 # of a zone that is not used
    echo "limit_req_zone \$limited_address zone=address_requests:10m rate=${rate}r/s;"
    own_names
    echo "map \"\" \$site_root { default \"$NGINX_SITE\"; }"
    echo "map \"\" \$ca_certificate { default \"$(absolute "$TLS_CA")\"; }"
}

origins() {
    local origin
    for origin in $CORS_ORIGINS; do
        [[ $origin =~ ^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?$ ]] ||
            refuse "CORS_ORIGINS: each must be an origin as browsers send it, like https://app.example.org or" \
                "http://localhost:3000: small letters, no path, no slash at the end; $origin is none."
        echo "\"$origin\" \"$origin\";"
    done | sort -u # nginx refuses one that is there twice
}

set -f # a * is an origin that is refused, and no list of files
listed_origins=$(origins)
set +f

mkdir -p "$NGINX_DIR"
cp "$NGINX_SOURCE"/gateway*.conf "$NGINX_DIR/"
http_settings >"$NGINX_DIR/settings-http.conf"
server_settings >"$NGINX_DIR/settings-server.conf"
echo "$listed_origins" >"$NGINX_DIR/settings-origins.conf"
echo "${listed_origins:+include gateway-cors.conf;}" >"$NGINX_DIR/settings-cors.conf"
sed -e "s|@USER@|$user|" \
    -e "s|@FILE_LIMIT@|$file_limit|" \
    -e "s|@NGINX_DIR@|$NGINX_DIR|" \
    -e "s|@ACCESS_LOG@|$NGINX_ACCESS_LOG|" \
    -e "s|@RUNTIME_DIR@|$RUNTIME_DIR|" \
    "$NGINX_SOURCE/nginx.conf.in" >"$NGINX_DIR/nginx.conf"
