#!/bin/bash -p
# Tests an installed gateway through nginx, with an API key and a simulated phone of its own; as root. If no other
# client can send and no other phone is paired, it sends one message to its own phone and waits until it is delivered.
# Otherwise its phone only connects and takes no messages: an SMS costs money, and the phone could take a real message.
#
#   self-test.sh [OPTION]
#
#   --light  never send a message
#   --help   print this help
#
# It leaves the rows of its API key and its phone, both revoked, and one message in the counters.
set -euo pipefail
umask 077

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"

name=self-test
light=
while [ $# -gt 0 ]; do
    case "$1" in
    --light) light="--light was given" ;;
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
flock -n 9 || refuse "another self-test is running."
read_settings --check-config
url=$("$programs/api-fcgi" --print-public-url) || refuse "set PUBLIC_URL in $settings_file; see the message above."

work=$(mktemp -d /tmp/sms-gateway-self-test.XXXXXX) # its phone runs as another user and must reach it
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

# METHOD PATH [BODY]: prints the status of the answer; the body goes to $work/answer.
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

# PROGRAM: whether its signs of life are fresh. Metrics are given only on this machine.
is_up() {
    ask_directly -sS --max-time 20 -H "@$work/headers" -o "$work/metrics" "$(local_url)/metrics" 2>"$work/problem" &&
        grep -qxF "sms_gateway_up{process=\"$1\"} 1" "$work/metrics"
}

has_open_messages() {
    local status
    for status in queued dispatched; do
        [ "$(ask GET "/api/sms?status=$status&limit=1")" = 200 ] || fail "cannot list messages: $(cat "$work/answer")"
        ! answer_has '"total":0' || continue
        return 0
    done
    return 1
}

# ID: the active rows of a list of keys or phones, but the one with this id.
active_besides() {
    awk -v own="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "state") column = i; next }
        column && $column == "active" && $1 != own'
}

# Why no message may be sent; empty if one may.
reason_to_send_nothing() {
    if [ "$API_KEYS" != required ] || [ "$DEVICE_TOKENS" != required ]; then
        echo "API keys or device tokens are off, so anyone may be sending"
    elif [ -n "$(gateway keys list | active_besides "$key_id")" ]; then
        echo "API keys are in use, and the phone could get one of their messages"
    elif [ -n "$(gateway devices list | active_besides "$name")" ]; then
        echo "other phones are paired, and one of them could send it"
    elif has_open_messages; then
        echo "messages are waiting for a phone"
    fi
}

# A number that ALLOWED_PREFIXES allows; the simulated phone sends nothing to it.
number() {
    local prefix=${ALLOWED_PREFIXES%% *}
    local digits=${prefix#+}120255501000
    echo "+${digits:0:11}"
}

start_phone() {
    local link
    link=$(gateway devices pair "$name" | grep -o 'sms-gateway://pair[^ ]*') || fail "cannot make a pairing code."
    mkdir "$work/phone"
    chmod 711 "$work"
    chown sms-gateway-web "$work/phone"
    # An upgrade waits for this test: it must end, whatever the phone does.
    timeout --kill-after=5 300 setpriv --reuid=sms-gateway-web --regid=sms-gateway-web --init-groups --inh-caps=-all -- \
        "$programs/phone-sim" --pair "$link" --tokens "$work/phone/tokens" \
        --assured --send-ms 50 --report-ms 50 --update-seconds 0 "$@" >"$work/phone.log" 2>&1 9>&- &
    phone=$!
}

echo "Testing $url:"
touch "$work/headers"
wait_at_most 30 is_ready_at_the_door ||
    fail "$url/readyz does not answer 200: $(cat "$work/problem" "$work/answer" 2>/dev/null)"
echo "  ready"

key=$(gateway keys create "$name" --days 1 --scopes send,read,devices,metrics 2>"$work/key")
key_id=$(sed -n 's/^Key \([^ ]*\) with the scopes .*/\1/p' "$work/key")
[ -n "$key_id" ] || fail "cannot create an API key: $(cat "$work/key")"
printf '%s\n' "Authorization: Bearer $key" "Content-Type: application/json" >"$work/headers"
for program in ws-broker webhook-sender; do
    wait_at_most 30 is_up "$program" ||
        fail "$program does not run, or hangs: systemctl status 'sms-gateway-*' $(cat "$work/problem")"
done
echo "  every program is up"
[ -n "$light" ] || light=$(reason_to_send_nothing)

if [ -n "$light" ]; then
    start_phone --credit 0 --battery 0
    wait_at_most 30 phone_is_seen || fail "the simulated phone is not in GET /api/devices: $(cat "$work/answer")"
    echo "  a simulated phone paired and connected; nothing was sent: $light"
else
    start_phone --credit 1
    wait_at_most 30 phone_is_seen || fail "the simulated phone is not in GET /api/devices: $(cat "$work/answer")"
    echo "  a simulated phone paired and connected"
    [ "$(ask POST /api/send-sms "{\"phone_number\":\"$(number)\",\"message\":\"Self-test of the gateway\"}")" = 202 ] ||
        fail "a message was not accepted: $(cat "$work/answer")"
    message_id=$(sed -n 's/.*"message_id":"\([^"]*\)".*/\1/p' "$work/answer")
    wait_at_most 30 is_delivered || fail "the message was not delivered: $(cat "$work/answer")"
    echo "  a message was accepted, dispatched to the phone and delivered"
fi
clean_up
trap - EXIT
echo "  revoked the test's key and phone${message_id:+, and erased its message}"
