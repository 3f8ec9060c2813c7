#!/bin/bash -p
# Serves the gateway, and builds and starts it again when a source file changes.
set -euo pipefail
set -m

cd "$(dirname "$0")/.."
stamp=build/dev.stamp
group=

stop_group() {
    if [ -n "$group" ]; then
        kill -TERM "$group" 2>/dev/null || true
        wait "$group" 2>/dev/null || true
        group=
    fi
}

has_changed() {
    [ -n "$(find api-fcgi ws-broker common nginx deploy tests/phone-sim Makefile .env \
        -newer "$stamp" -type f -print -quit 2>/dev/null)" ]
}

trap 'stop_group; exit 0' INT TERM HUP

while true; do
    mkdir -p build
    touch "$stamp"
    if make --no-print-directory all; then
        stop_group
        deploy/run.sh &
        group=$!
    else
        echo "The build failed; what ran goes on. Waiting for a change." >&2
    fi
    until has_changed; do
        sleep 0.5
        if [ -n "$group" ] && ! kill -0 "$group" 2>/dev/null; then
            echo "The gateway has ended. Waiting for a change." >&2
            group=
        fi
    done
done
