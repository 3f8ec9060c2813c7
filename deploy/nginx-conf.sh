#!/usr/bin/env bash
# Writes nginx's configuration for `make run` into RUNTIME_DIR, from the settings:
#   nginx-conf.sh FOLDER_OF_PROGRAMS
set -euo pipefail
umask 027

source_dir=$(cd "$(dirname "$0")/.." && pwd)
settings=$("$1/api-fcgi" --check-config)
eval "$settings" # NAME=value or NAME='value'; no value has a quote

file_limit=$(ulimit -Hn)
most_files=20480 # nginx makes room for each at its start
if [ "$file_limit" = unlimited ] || [ "$file_limit" -gt "$most_files" ]; then
    file_limit=$most_files
fi
user=
if [ "$(id -u)" -eq 0 ]; then
    user="user root;" # its workers must reach sockets that are root's
fi

mkdir -p "$RUNTIME_DIR"
cp "$source_dir"/nginx/gateway*.conf "$RUNTIME_DIR/"
sed -e "s|@USER@|$user|" \
    -e "s|@FILE_LIMIT@|$file_limit|" \
    -e "s|@RUNTIME_DIR@|$RUNTIME_DIR|" \
    -e "s|@LISTEN_ADDRESS@|$LISTEN_ADDRESS|" \
    -e "s|@HTTP_PORT@|$HTTP_PORT|" \
    -e "s|@MAX_BODY_BYTES@|$MAX_BODY_BYTES|" \
    -e "s|@SITE_DIR@|$source_dir/build/site|" \
    "$source_dir/nginx/development.conf.in" >"$RUNTIME_DIR/nginx.conf"
