#!/bin/bash -p
# Runs nginx, api-fcgi and ws-broker as one group in the foreground, from the working directory.
# Ctrl-C stops all three; when one ends by itself the others are stopped too.
set -euo pipefail
set -m # each child in its own process group: Ctrl-C comes to this script alone, which stops them
umask 027 # nginx's logs are nobody else's; the programs set their own

PATH=$PATH:/usr/sbin # where Debian has nginx, and not every user looks
source_dir=$(cd "$(dirname "$0")/.." && pwd)
programs=${PROGRAMS:-$source_dir/build}
# shellcheck source=deploy/shell.sh
. "$source_dir/deploy/shell.sh"

settings=$("$programs/api-fcgi" --check-front) || exit 1
eval "$settings"
# What hinders trying it out is off where only this machine can connect, unless somebody has chosen.
unchosen=()
while read -r setting; do
    [[ $'\n'$settings$'\n' != *$'\n'"$setting"$'\n'* ]] || continue
    setting=${setting//\'/}
    unchosen+=("$setting")
    export "${setting?}"
    declare "$setting"
done < <("$programs/api-fcgi" --check-config --private)

# Where nginx listens: the first is plain HTTP, but for machines that only come over TLS.
listeners=$("$programs/api-fcgi" --print-listeners) || exit 1
is_loopback() {
    ! grep -qv '^127\.\|^\[::1\]:' <<<"$listeners"
}

speaks_tls() {
    [ -n "$TLS_CERTIFICATE" ]
}

# A PUBLIC_URL says that others do come, through a proxy.
is_private() {
    is_loopback && [ -z "$PUBLIC_URL" ]
}

probe=${listeners%%$'\n'*} # where this machine itself connects
probe=${probe%:*}
case "$probe" in
0.0.0.0 | \[::\]) probe=127.0.0.1 ;;
esac
host=$probe # as people write it
[ "$host" != 127.0.0.1 ] || host=localhost
address=http://$host:$HTTP_PORT

"$programs/api-fcgi" --check-start >/dev/null || exit 1

"$source_dir/deploy/nginx-conf.sh" "$programs"

declare -A names=() # by process id
start() {
    local name=$1
    shift
    setpriv --pdeathsig TERM -- "$@" & # no child outlives this script, whatever ends it
    names[$!]=$name
}

pid_of() {
    local pid
    for pid in "${!names[@]}"; do
        [ "${names[$pid]}" != "$1" ] || echo "$pid"
    done
}

stop() {
    local name pid
    # nginx last: phones get their close frames and requests their answers through it.
    for name in api-fcgi ws-broker; do
        pid=$(pid_of "$name")
        [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
    done
    for name in api-fcgi ws-broker nginx; do
        pid=$(pid_of "$name")
        [ -n "$pid" ] || continue
        [ "$name" != nginx ] || kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

stopping=no
trap 'stopping=yes' INT TERM HUP

# Waits until one of the children ends, or a signal comes; says which and ends the group.
supervise() {
    local dead='' status=0
    wait -n -p dead "${!names[@]}" || status=$?
    if [ "$stopping" = no ] && [ -n "$dead" ]; then
        if [ "$status" -gt 128 ]; then
            echo "${names[$dead]} was ended by signal $((status - 128)); stopping the others." >&2
        else
            echo "${names[$dead]} ended with status $status; stopping the others." >&2
        fi
        kill -TERM -- "-$dead" 2>/dev/null || true # the workers of a killed nginx would go on
        unset "names[$dead]"
        stop
        exit 1
    fi
    echo "Stopping." >&2
    stop
    exit 0
}

is_ready() {
    [ -S "$RUNTIME_DIR/broker.sock" ] && ask_directly -fs -o /dev/null --max-time 2 "http://$probe:$HTTP_PORT/readyz"
}

all_run() {
    local pid
    for pid in "${!names[@]}"; do
        kill -0 "$pid" 2>/dev/null || return 1
    done
}

start api-fcgi "$programs/api-fcgi"
start ws-broker "$programs/ws-broker"
start nginx nginx -e stderr -p "$PWD/" -c "$RUNTIME_DIR/nginx.conf"

for ((i = 0; i < 100; i++)); do
    if [ "$stopping" = yes ] || ! all_run; then
        supervise
    fi
    ! is_ready || break
    sleep 0.1
done

shown=$(printf '%q' "${programs#"$PWD"/}") # as a shell reads it
phone="--url ws://$host:$HTTP_PORT"
[ "$DEVICE_TOKENS" = off ] || phone="--pair 'LINK'    (devices pair prints the link, see below)"
key=
[ "$API_KEYS" = off ] || key=" -H 'Authorization: Bearer KEY'"
cat <<END

The SMS gateway serves $address  (API description: $address/docs)

Connect a simulated phone, in another terminal:
  $shown/phone-sim $phone

Send an SMS:
  curl -X POST $address/api/send-sms$key -H 'Content-Type: application/json' \\
    -d '{"phone_number": "+1234567890", "message": "Hello from the SMS Gateway!"}'

END

# What other machines use, and how they know that it is this one.
public=${PUBLIC_URL:-$address}
if speaks_tls || ! is_loopback; then
    public=$("$programs/api-fcgi" --print-public-url) || public="https://(set PUBLIC_URL)"
    if is_loopback; then
        echo "With TLS it is $public, for this machine alone (LISTEN_ADDRESS)."
    else
        echo "Phones and programs on other machines use $public, phones as ${public/#http/ws}."
    fi
    if [ -n "$TLS_CA" ]; then
        cat <<END
Who connects there must trust the gateway's own CA: the file $TLS_CA, or $public/ca.crt if its SHA-256 is
  $(openssl x509 -in "$TLS_CA" -outform DER | sha256sum | cut -d' ' -f1)
END
    fi
    if speaks_tls && ! openssl x509 -noout -checkend $((14 * 86400)) -in "$TLS_CERTIFICATE" >/dev/null; then
        echo "WARNING: $TLS_CERTIFICATE ends soon: $(openssl x509 -noout -enddate -in "$TLS_CERTIFICATE")."
    fi
    if ! speaks_tls; then
        echo "WARNING: everybody on the way to it can read and change what is sent (PLAIN_HTTP=everywhere)."
    fi
    echo
fi
if [ "$API_KEYS" = off ] && ! is_private; then
    echo "WARNING: anybody who reaches $public can send SMS and read them (API_KEYS=off)."
elif [ "$API_KEYS" = required ]; then
    cat <<END
Each request needs an API key, in the header Authorization: Bearer KEY. This makes one:
  $shown/sms-gateway keys create NAME
END
fi
if [ "$DEVICE_TOKENS" = required ]; then
    cat <<END
Each phone needs a token. This pairs one:
  $shown/sms-gateway devices pair
END
elif ! is_private; then
    echo "WARNING: any phone that reaches $public is given messages (DEVICE_TOKENS=off)."
fi
if is_private && [ ${#unchosen[@]} -gt 0 ]; then
    echo "Off, because only this machine can connect: ${unchosen[*]}"
fi
echo "Ctrl-C stops it."
supervise
