#!/bin/bash -p
# Writes nginx's configuration from the settings, for `make run` and for sms-gateway-nginx.service:
#   nginx-conf.sh FOLDER_OF_PROGRAMS
# Variables that say where an installed gateway has what `make run` has in its source folder and RUNTIME_DIR:
#   NGINX_SOURCE      the configuration's templates
#   NGINX_SITE        the documentation pages
#   NGINX_DIR         where the configuration goes, and nginx's own files
#   NGINX_TLS_DIR     copies of the TLS files that nginx's user may read: server.crt, server.key, ca.crt
#   NGINX_ACCESS_LOG  where the access log goes, as nginx's access_log has it
# Files that lie elsewhere, under names that nginx might not take, are links in NGINX_DIR.
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
most_files=20480 # nginx makes room for each at its start
if [ "$file_limit" = unlimited ] || [ "$file_limit" -gt "$most_files" ]; then
    file_limit=$most_files
fi
user=
if [ "$(id -u)" -eq 0 ]; then # `make run` as root
    user="user root;" # its workers must reach sockets that are root's
fi

# Somebody may keep files of their own there, a key perhaps: only links, and what is ours, are replaced.
refuse_others_files() {
    local name
    if [ -s "$NGINX_DIR/nginx.conf" ] && ! grep -q "^# The whole of nginx's configuration" "$NGINX_DIR/nginx.conf"; then
        refuse "$NGINX_DIR/nginx.conf is another nginx's: give the gateway a folder of its own, as RUNTIME_DIR"
    fi
    for name in "$NGINX_DIR"/nginx-{body,fastcgi,proxy,scgi,uwsgi}; do # nginx would cut long answers
        [ ! -d "$name" ] || [ -w "$name" ] || rmdir -- "$name" 2>/dev/null ||
            refuse "$name is $(stat -c %U -- "$name")'s, who has run a gateway here: remove it"
    done
    for name in "${!linked[@]}"; do
        is_in_place "$name" || [ -z "${linked[$name]}" ] || [ -L "$NGINX_DIR/$name" ] || [ ! -e "$NGINX_DIR/$name" ] ||
            refuse "$NGINX_DIR/$name is in the way: the gateway puts a link of that name there." \
                "Move it, or give the gateway a folder of its own, as RUNTIME_DIR"
    done
}

# Whether a file lies there already by the name that nginx knows.
is_in_place() {
    local path=${linked[$1]}
    [ "${path##*/}" = "$1" ] && [ "$(dirname -- "$path")" -ef "$NGINX_DIR" ]
}

# A link to a file or folder by the name that nginx knows.
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

# What follows from the settings inside the server block …
server_settings() {
    local where tls
    # Workers share phones evenly. A connection comes to one when it has said something: those that wait
    # for a first word are what nginx closes when its places become few, and all new phones would be among
    # them.
    while read -r where tls; do
        [[ $where != \[::\]:* ]] || tls+=" ipv6only=on" # of IPv4 there is another
        echo "listen $where${tls:+ $tls} backlog=4096 reuseport deferred;"
    done <<<"$listeners"
    if [ -n "$TLS_CERTIFICATE" ]; then
        echo "ssl_certificate server.crt;"
        echo "ssl_certificate_key server.key;"
        echo "include gateway-tls.conf;"
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
    printf '%s\n' localhost "$LISTEN_ADDRESS" "$public" |
        grep -E '^[A-Za-z][A-Za-z0-9._-]*$' | sort -u | sed 's/.*/    "&" 0;/'
    echo "}"
}

# Without device tokens a page in a browser could be a phone: it is known by its Origin. Apps that send one
# (React Native does) send that of the address they connect to, which no page has but the gateway's own.
foreign_pages() {
    echo "map \$http_origin \$origin_host {"
    echo "    volatile;"
    echo "    default ?;"
    echo "    \"\" \"\";"
    echo "    ~*^http://(?<of_http>[^/@]+):80\$ \$of_http;"
    echo "    ~*^https://(?<of_https>[^/@]+):443\$ \$of_https;"
    echo "    ~*^https?://(?<of_port>[^/@]+)\$ \$of_port;"
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

# … and around it.
http_settings() {
    local rate=$ADDRESS_REQUESTS_PER_SECOND
    [ "$rate" -ne 0 ] || rate=1 # of a zone that is not used
    echo "limit_req_zone \$limited_address zone=address_requests:10m rate=${rate}r/s;"
    own_names
    foreign_pages
    echo "map \"\" \$site_root { default \"$NGINX_DIR/site\"; }"
    echo "map \"\" \$ca_certificate { default \"${TLS_CA:+$NGINX_DIR/ca.crt}\"; }"
    echo "map \"\" \$max_body_bytes { default $MAX_BODY_BYTES; }"
}

origins() {
    local origin
    for origin in $CORS_ORIGINS; do
        echo "\"$origin\" \"$origin\";"
    done | sort -u # nginx refuses one that is there twice
}

# The template with its @NAMES@ filled in. Quotes keep a & from meaning what it replaces.
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

set -f # an origin is no pattern of files
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
echo "$listed_origins" >"$NGINX_DIR/settings-origins.conf"
echo "${listed_origins:+include gateway-cors.conf;}" >"$NGINX_DIR/settings-cors.conf"
configuration >"$NGINX_DIR/nginx.conf"
