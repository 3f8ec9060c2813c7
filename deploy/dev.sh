#!/bin/bash -p
# Runs the gateway, and rebuilds and restarts it when a source file changes.
# Ctrl-C, SIGTERM and SIGHUP end it at any instant.
set -euo pipefail

cd "$(dirname "$0")/.."
[ "${1-}" = stoppable ] || exec deploy/stoppable.sh deploy/dev.sh stoppable
# shellcheck source=deploy/shell.sh
. deploy/shell.sh
stamp=build/dev.stamp
gateway=
builder=
finishing=no

# bash handles signals between commands and in `wait`, so slow commands run as children. A child that has just started
# may lose SIGTERM, so it is sent repeatedly.
end_child() {
    local pid=$1 tick
    [ -n "$pid" ] || return 0
    while kill -TERM "$pid" 2>/dev/null; do
        sleep 0.5 &
        tick=$!
        wait -n "$pid" "$tick" || true
        { kill -KILL "$tick" && wait "$tick"; } 2>/dev/null || true
    done
}

stop_gateway() {
    end_child "$gateway"
    gateway=
}

finish() {
    [ "$finishing" = no ] || return 0 # another signal
    finishing=yes
    trap '' TERM
    end_child "$builder"
    [ -z "$builder" ] || kill -KILL -- "-$builder" 2>/dev/null || true # children of make
    stop_gateway
    exit 0
}

has_changed() {
    [ -n "$(find api-fcgi ws-broker common nginx deploy tests/phone-sim Makefile .env \
        -newer "$stamp" -type f -print -quit 2>/dev/null)" ]
}

build() {
    local status=0
    setsid -- make --no-print-directory all &
    builder=$!
    wait "$builder" || status=$?
    builder=
    return "$status"
}

pause() {
    sleep 0.5 &
    wait "$!" || true
}

{ # bash parses all of this before the trap is set: a trap that runs while it parses a $(...) breaks its parser
trap finish TERM # stoppable.sh sends SIGTERM for every signal

while true; do
    mkdir -p build
    touch "$stamp"
    if build; then
        stop_gateway
        deploy/run.sh &
        gateway=$!
    else
        echo "The build failed; the running gateway stays. Waiting for a change." >&2
    fi
    until has_changed; do
        pause
        if [ -n "$gateway" ] && ! kill -0 "$gateway" 2>/dev/null; then
            echo "The gateway has exited. Waiting for a change." >&2
            gateway=
        fi
    done
done
}
