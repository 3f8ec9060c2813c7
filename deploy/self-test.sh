#!/bin/bash -p
# Tries out an installed gateway through its own front door, with an API key and a simulated phone of its
# own; as root. Where nobody else can send and no other phone is paired it sends one message, to its own
# phone, and follows it until it is delivered. Everywhere else (an SMS costs money, and its phone would
# swallow somebody's message) its phone takes no messages: it connects, is seen, and leaves.
#
#   self-test.sh [OPTION]
#
#   --light  send nothing in any case
#   --help   show this
#
# What it leaves: the rows of its API key and its phone, both revoked, and that a message was counted.
set -euo pipefail
umask 077

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"

name=self-test
light=
while [ $# -gt 0 ]; do
    case "$1" in
    --light) light="as asked for" ;;
    --help)
        print_help
        exit 0
        ;;
    *) refuse_usage "there is no option $1" ;;
    esac
    shift
done
need_root
need_installation
exec 9>/run/sms-gateway-self-test.lock
flock -n 9 || refuse "it runs already."
read_settings --check-config
url=$("$programs/api-fcgi" --print-public-url) || refuse "set PUBLIC_URL in $settings_file, as said above."

work=$(mktemp -d /tmp/sms-gateway-self-test.XXXXXX) # its phone is another user, and must get there
key_id=
message_id=
phone=
clean_up() {
    [ -z "$phone" ] || kill "$phone" 2>/dev/null || true
    wait
    [ -z "$message_id" ] || gateway messages erase "$message_id" >/dev/null || true
    [ -z "$key_id" ] || gateway keys revoke "$key_id" >/dev/null || true
    gateway devices revoke "$name" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    [ ! -s "$work/phone.log" ] || sed 's/^/  phone: /' "$work/phone.log" >&2
    refuse "$*"
}

# METHOD PATH [BODY]: the answer's status; its body is in a file.
ask() {
    ask_directly -sS --max-time 20 ${TLS_CA:+--cacert "$TLS_CA"} -X "$1" -H "@$work/headers" ${3:+--data "$3"} \
        -o "$work/answer" -w '%{http_code}' "$url$2" || echo " (no answer)"
}

answer_has() {
    grep -q "$1" "$work/answer"
}

is_ready_at_the_door() {
    [ "$(ask GET /readyz 2>"$work/problem")" = 200 ]
}

phone_is_seen() {
    [ "$(ask GET /api/devices)" = 200 ] && answer_has "\"device_id\":\"$name\""
}

is_delivered() {
    [ "$(ask GET "/api/sms/$message_id")" = 200 ] && answer_has '"status":"delivered"'
}

has_open_messages() {
    local status
    for status in queued dispatched; do
        [ "$(ask GET "/api/sms?status=$status&limit=1")" = 200 ] || fail "messages cannot be listed: $(cat "$work/answer")"
        ! answer_has '"total":0' || continue
        return 0
    done
    return 1
}

# Why nothing may be sent; empty when it may.
reason_to_send_nothing() {
    if [ "$API_KEYS" != required ] || [ "$DEVICE_TOKENS" != required ]; then
        echo "keys or tokens are off, so anybody may be sending"
    elif gateway keys list | awk -v own="$key_id" '$2 == "active" && $1 != own' | grep -q .; then
        echo "API keys are in use, and its phone could be given one of their messages"
    elif gateway devices list | awk -v own="$name" '$2 == "active" && $1 != own' | grep -q .; then
        echo "phones are paired, and one of them could send it"
    elif has_open_messages; then
        echo "messages are waiting for a phone"
    fi
}

# A number that the settings allow; nothing leaves to it.
number() {
    local prefix=${ALLOWED_PREFIXES%% *}
    local digits=${prefix#+}120255501000
    echo "+${digits:0:11}"
}

start_phone() {
    local link
    link=$(gateway devices pair "$name" | grep -o 'sms-gateway://pair[^ ]*') || fail "no pairing code was made."
    mkdir "$work/phone"
    chmod 711 "$work"
    chown sms-gateway-web "$work/phone"
    setpriv --reuid=sms-gateway-web --regid=sms-gateway-web --init-groups --inh-caps=-all -- \
        "$programs/phone-sim" --pair "$link" --tokens "$work/phone/tokens" \
        --assured --send-ms 50 --report-ms 50 --update-seconds 0 "$@" >"$work/phone.log" 2>&1 9>&- &
    phone=$!
}

echo "At $url:"
touch "$work/headers"
wait_until $((SECONDS + 30)) is_ready_at_the_door ||
    fail "$url/readyz does not answer 200: $(cat "$work/problem" "$work/answer" 2>/dev/null)"
echo "  it is ready"

key=$(gateway keys create "$name" --days 1 --scopes send,read,devices 2>"$work/key")
key_id=$(sed -n 's/^Key \([^ ]*\) allows.*/\1/p' "$work/key")
[ -n "$key_id" ] || fail "no API key was made: $(cat "$work/key")"
printf '%s\n' "Authorization: Bearer $key" "Content-Type: application/json" >"$work/headers"
[ -n "$light" ] || light=$(reason_to_send_nothing)

if [ -n "$light" ]; then
    start_phone --credit 0 --battery 0
    wait_until $((SECONDS + 30)) phone_is_seen || fail "its phone is not in GET /api/devices: $(cat "$work/answer")"
    echo "  a simulated phone paired and connected; nothing was sent: $light"
else
    start_phone --credit 1
    wait_until $((SECONDS + 30)) phone_is_seen || fail "its phone is not in GET /api/devices: $(cat "$work/answer")"
    echo "  a simulated phone paired and connected"
    [ "$(ask POST /api/send-sms "{\"phone_number\":\"$(number)\",\"message\":\"Self-test of the gateway\"}")" = 202 ] ||
        fail "a message was not accepted: $(cat "$work/answer")"
    message_id=$(sed -n 's/.*"message_id":"\([^"]*\)".*/\1/p' "$work/answer")
    wait_until $((SECONDS + 30)) is_delivered || fail "the message is not delivered: $(cat "$work/answer")"
    echo "  a message was accepted, given to the phone, and is delivered"
fi
clean_up
trap - EXIT
echo "  its key and its phone are revoked${message_id:+, and its message is erased}"
