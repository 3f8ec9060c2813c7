#!/bin/bash
# Sends one SMS, follows it, and lists the newest messages; needs curl and jq: send.sh NUMBER TEXT
set -euo pipefail
gateway=${GATEWAY_URL:-http://localhost:8000}

api() {
    local answer
    answer=$(curl --silent --show-error --fail-with-body ${API_KEY:+-H "Authorization: Bearer $API_KEY"} "$@") || {
        echo "$answer" >&2 # every error is a JSON object too (RFC 9457)
        return 1
    }
    echo "$answer"
}

body=$(jq -n --arg number "$1" --arg text "$2" '{phone_number: $number, message: $text}')
id=$(api "$gateway/api/send-sms" -H 'Content-Type: application/json' -d "$body" | jq -r .message_id)
echo "accepted: $id"

for _ in $(seq 60); do
    status=$(api "$gateway/api/sms/$id" | jq -r .status)
    case $status in delivered | failed | expired | cancelled | unknown) break ;; esac
    sleep 1
done
echo "status: $status"

api "$gateway/api/sms?limit=5" | jq -r '.messages[] | "\(.created_at) \(.phone_number) \(.status)"'
