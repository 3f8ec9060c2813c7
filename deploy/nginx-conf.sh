#!/bin/bash -p
# Writes nginx's configuration from the settings, for `make run` and for sms-gateway-nginx.service:
#   nginx-conf.sh FOLDER_OF_PROGRAMS
# Variables for an installed gateway (defaults: the source folder and RUNTIME_DIR):
#   NGINX_SOURCE      templates of the configuration
#   NGINX_SITE        documentation pages
#   NGINX_DIR         folder of the configuration and of nginx's own files
#   NGINX_TLS_DIR     copies of the TLS files that nginx's user may read: server.crt, server.key, ca.crt
#   NGINX_ACCESS_LOG  arguments of nginx's access_log
# Other files are linked into NGINX_DIR, because nginx might not accept their paths.
set -euo pipefail
umask 027

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/shell.sh
. "$here/shell.sh"

if [ -n "${NGINX_TLS_DIR-}" ]; then
    for pair in TLS_CERTIFICATE=server.crt TLS_KEY=server.key TLS_CA=ca.crt; do
        [ ! -e "$NGINX_TLS_DIR/${pair#*=}" ] || export "${pair%%=*}=$NGINX_TLS_DIR/${pair#*=}"
    done
fi
settings=$("$1/api-fcgi" --check-front) || exit 1
listeners=$("$1/api-fcgi" --print-listeners) || exit 1
problems=$("$1/api-fcgi" --print-nginx-problems) || exit 1
eval "$settings" # NAME=value or NAME='value'; no value has a quote
: "${NGINX_SOURCE:=${here%/*}/nginx}" "${NGINX_SITE:=${here%/*}/build/site}" "${NGINX_DIR:=$RUNTIME_DIR}"
[ -n "${NGINX_ACCESS_LOG-}" ] || NGINX_ACCESS_LOG="\"$NGINX_DIR/access.log\" gateway buffer=64k flush=1s"

declare -A linked=([site]=$NGINX_SITE [server.crt]=$TLS_CERTIFICATE [server.key]=$TLS_KEY [ca.crt]=$TLS_CA)

file_limit=$(ulimit -Hn)
most_files=20480 # nginx allocates memory for each at its start
if [ "$file_limit" = unlimited ] || [ "$file_limit" -gt "$most_files" ]; then
    file_limit=$most_files
fi
user=
if [ "$(id -u)" -eq 0 ]; then # `make run` as root
    user="user root;" # its workers must reach sockets that are root's
fi

# Replaces only links and the gateway's own files: the folder may contain files of the user, perhaps a key.
refuse_others_files() {
    local name
    if [ -s "$NGINX_DIR/nginx.conf" ] && ! grep -q -e "^# The whole of nginx's configuration" -- "$NGINX_DIR/nginx.conf"; then
        refuse "$NGINX_DIR/nginx.conf belongs to another nginx: give the gateway its own folder by RUNTIME_DIR"
    fi
    for name in "$NGINX_DIR"/nginx-{body,fastcgi,proxy,scgi,uwsgi}; do # nginx could not buffer long answers
        [ ! -d "$name" ] || [ -w "$name" ] || rmdir -- "$name" 2>/dev/null ||
            refuse "$name belongs to $(stat -c %U -- "$name"), who has run a gateway here: remove it"
    done
    for name in "${!linked[@]}"; do
        is_in_place "$name" || [ -z "${linked[$name]}" ] || [ -L "$NGINX_DIR/$name" ] || [ ! -e "$NGINX_DIR/$name" ] ||
            refuse "$NGINX_DIR/$name is in the way: the gateway creates a link of that name." \
                "Move it, or give the gateway its own folder by RUNTIME_DIR"
    done
}

# Whether the file itself is already in NGINX_DIR under the name that nginx uses.
is_in_place() {
    local path=${linked[$1]}
    [ "${path##*/}" = "$1" ] && [ "$(dirname -- "$path")" -ef "$NGINX_DIR" ]
}

# Links a file or folder into NGINX_DIR under the name that nginx uses.
link() {
    local name=$1 path=${linked[$1]}
    if [ -z "$path" ] || is_in_place "$name"; then
        return
    fi
    rm -f -- "$NGINX_DIR/$name"
    case "$path" in
    /*) ln -s -- "$path" "$NGINX_DIR/$name" ;;
    *) ln -s -- "$PWD/$path" "$NGINX_DIR/$name" ;;
    esac
}

# The settings inside the server block.
server_settings() {
    local where tls
    # reuseport: workers share phones evenly. deferred: a worker gets a connection with its first data; else nginx,
    # when its connections run out, would close idle new connections, and new phones would be among them.
    while read -r where tls; do
        [[ $where != \[::\]:* ]] || tls+=" ipv6only=on" # IPv4 has its own listener
        echo "listen $where${tls:+ $tls} backlog=4096 reuseport deferred;"
    done <<<"$listeners"
    if [ -n "$TLS_CERTIFICATE" ]; then
        echo "ssl_certificate server.crt;"
        echo "ssl_certificate_key server.key;"
        echo "include gateway-tls.conf;"
    fi
    echo "client_max_body_size $MAX_BODY_BYTES;"
    echo "client_body_buffer_size $MAX_BODY_BYTES;  # no body is written to disk"
    [ "$API_KEYS" = required ] || echo "if (\$host_is_foreign) { return 421; }"
    [ "$ADDRESS_REQUESTS_PER_SECOND" -eq 0 ] ||
        echo "limit_req zone=address_requests burst=$ADDRESS_REQUESTS_PER_SECOND nodelay;"
    [ "$ADDRESS_CONNECTIONS" -eq 0 ] || echo "limit_conn address_connections $ADDRESS_CONNECTIONS;"
}

# Inside the location of batches.
batch_settings() {
    echo "client_max_body_size $MAX_BATCH_BODY_BYTES;"
    echo "client_body_buffer_size $MAX_BATCH_BODY_BYTES;  # no body is written to disk, so their number is limited"
    echo "limit_conn batches $BATCHES_AT_ONCE;"
    echo "limit_conn address_batches $(((BATCHES_AT_ONCE + 3) / 4));"
    echo "limit_conn_status 503;"
}

# Without API keys a web page could reach the API under a name of its own that resolves to this machine (DNS rebinding).
# So without keys only addresses and the gateway's own names are accepted.
own_names() {
    local public=${PUBLIC_URL#*://}
    public=${public%%:*}
    echo "map \$uri \$host_or_page { volatile; default \$host; ~^/problem/ \"\"; }" # not for the error page itself
    echo "map \$host_or_page \$host_is_foreign {"
    echo "    volatile;"
    echo "    default 1;"
    echo "    \"\" 0;"
    echo "    ~^[0-9.]+\$ 0;"
    echo "    ~^\[ 0;"
    printf '%s\n' localhost "$LISTEN_ADDRESS" "$public" |
        grep -E '^[A-Za-z][A-Za-z0-9._-]*$' | sort -u | sed 's/.*/    "&" 0;/'
    echo "}"
}

# Without device tokens a web page could act as a phone; a browser sends its Origin. Apps that send an Origin (React
# Native does, and Starscream with ws:// or wss://) send the address that they connect to, which only the gateway's own pages
# have.
foreign_pages() {
    echo "map \$http_origin \$origin_host {"
    echo "    volatile;"
    echo "    default ?;"
    echo "    \"\" \"\";"
    echo "    ~*^(?:http|ws)://(?<of_http>[^/@]+):80\$ \$of_http;"
    echo "    ~*^(?:https|wss)://(?<of_https>[^/@]+):443\$ \$of_https;"
    echo "    ~*^(?:http|ws)s?://(?<of_port>[^/@]+)\$ \$of_port;"
    echo "}"
    echo "map \"\$host_is_foreign \$origin_host \$http_host\" \$is_foreign_page {"
    echo "    volatile;"
    if [ "$DEVICE_TOKENS" = required ]; then
        echo "    default 0;"
    else
        echo "    default 1;"
        echo "    \"~^.  \" 0;" # no Origin
        echo "    \"~*^0 (?<same>[^ ]+) \\k<same>\$\" 0;"
    fi
    echo "}"
}

# The settings around the server block.
http_settings() {
    local rate=$ADDRESS_REQUESTS_PER_SECOND
    [ "$rate" -ne 0 ] || rate=1 # the zone is not used
    echo "limit_req_zone \$limited_address zone=address_requests:10m rate=${rate}r/s;"
    own_names
    foreign_pages
    echo "map \"\" \$site_root { default \"$NGINX_DIR/site\"; }"
    echo "map \"\" \$ca_certificate { default \"${TLS_CA:+$NGINX_DIR/ca.crt}\"; }"
    echo "map \"\" \$most_batches { default $BATCHES_AT_ONCE; }"
    echo "map \$request_uri \$max_body_bytes {"
    echo "    default \"$MAX_BODY_BYTES bytes (MAX_BODY_BYTES)\";"
    echo "    ~^/api/batches(\\?|\$) \"$MAX_BATCH_BODY_BYTES bytes (MAX_BATCH_BODY_BYTES)\";"
    echo "}"
}

origins() {
    local origin
    for origin in $CORS_ORIGINS; do
        echo "\"$origin\" \"$origin\";"
    done | sort -u # nginx refuses duplicates
}

# The template with its @NAMES@ filled in. Quotes keep bash from expanding & to the matched text.
configuration() {
    local text
    text=$(cat -- "$NGINX_SOURCE/nginx.conf.in")
    text=${text//@USER@/"$user"}
    text=${text//@FILE_LIMIT@/"$file_limit"}
    text=${text//@CONNECTIONS@/"$((file_limit > 96 ? file_limit - 32 : file_limit))"}
    text=${text//@NGINX_DIR@/"$NGINX_DIR"}
    text=${text//@ACCESS_LOG@/"$NGINX_ACCESS_LOG"}
    text=${text//@RUNTIME_DIR@/"$RUNTIME_DIR"}
    printf '%s\n' "$text"
}

set -f # origins are not file patterns
listed_origins=$(origins)
set +f

refuse_others_files
mkdir -p -- "$NGINX_DIR"
cp -- "$NGINX_SOURCE"/gateway*.conf "$NGINX_DIR/"
for name in "${!linked[@]}"; do
    link "$name"
done
echo "$problems" >"$NGINX_DIR/gateway-problems.conf"
http_settings >"$NGINX_DIR/settings-http.conf"
server_settings >"$NGINX_DIR/settings-server.conf"
batch_settings >"$NGINX_DIR/settings-batches.conf"
echo "$listed_origins" >"$NGINX_DIR/settings-origins.conf"
echo "${listed_origins:+include gateway-cors.conf;}" >"$NGINX_DIR/settings-cors.conf"
configuration >"$NGINX_DIR/nginx.conf"
