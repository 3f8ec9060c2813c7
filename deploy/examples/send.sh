#!/bin/bash
# Sends one SMS, follows it, and lists the newest messages; needs curl and jq: send.sh NUMBER TEXT
set -euo pipefail
gateway=${GATEWAY_URL:-http://localhost:8000}

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

api() { # sends again where no answer comes, and after 502, 503 and 504
    local status
    status=$(curl --silent --show-error --retry 4 --retry-delay 1 --retry-max-time 60 --retry-all-errors \
        ${API_KEY:+-H "Authorization: Bearer $API_KEY"} --output "$answer" --write-out '%{http_code}' "$@") || return
    if [ "$status" -ge 400 ]; then
        cat "$answer" >&2 # every error is a JSON object too (RFC 9457)
        return 1
    fi
    cat "$answer"
}

key=$(cat /proc/sys/kernel/random/uuid) # the same each time, so that one message is created
body=$(jq -n --arg number "$1" --arg text "$2" '{phone_number: $number, message: $text}')
id=$(api "$gateway/api/send-sms" -H 'Content-Type: application/json' -H "Idempotency-Key: $key" -d "$body" | jq -r .message_id)
echo "accepted: $id"

for _ in $(seq 60); do
    status=$(api "$gateway/api/sms/$id" | jq -r .status)
    case $status in delivered | failed | expired | cancelled | unknown) break ;; esac
    sleep 1
done
echo "status: $status"

api "$gateway/api/sms?limit=5" | jq -r '.messages[] | "\(.created_at) \(.phone_number) \(.status)"'
