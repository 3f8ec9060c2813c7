#!/bin/bash -p
# Runs a script that Ctrl-C, Ctrl-\, SIGTERM and SIGHUP end at any instant: stoppable.sh COMMAND [ARGUMENT ...]
# The command runs in a session of its own and is told by SIGTERM alone, whatever came; the exit status is its own.
#
# A bash that does work cannot promise that: a SIGINT that comes as a foreground command ends by itself is dropped. So this
# one only waits.
# shellcheck source=deploy/shell.sh
. "${BASH_SOURCE[0]%/*}/shell.sh"
command_pid=

# Until it has ended: one that has only just started may lose a signal.
# shellcheck disable=SC2317
stop() {
    [ "$BASHPID" = "$$" ] || exit 0 # the child, before it is the command
    trap '' INT QUIT TERM HUP
    while [ -n "$command_pid" ] && kill -TERM "$command_pid" 2>/dev/null; do
        sleep 0.5 &
        tick=$!
        wait -n "$command_pid" "$tick"
        { kill -KILL "$tick" && wait "$tick"; } 2>/dev/null
    done
    exit 0
}

trap stop INT QUIT TERM HUP
setsid -- setpriv --pdeathsig TERM -- "$@" &
command_pid=$!
wait "$command_pid"
status=$?
trap '' INT QUIT TERM HUP
exit "$status"
