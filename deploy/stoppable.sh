#!/bin/bash -p
# Runs a script that Ctrl-C, Ctrl-\, SIGTERM and SIGHUP end at any instant: stoppable.sh COMMAND [ARGUMENT ...]
# The command runs in its own session and gets SIGTERM for each of these signals. The exit status is the command's.
#
# A bash that does work could lose a signal: it drops a SIGINT that arrives while a foreground command exits. This one
# only waits.
# shellcheck source=deploy/shell.sh
. "${BASH_SOURCE[0]%/*}/shell.sh"
command_pid=

# Repeats SIGTERM until the command has exited: a process that has just started may lose a signal.
# shellcheck disable=SC2317
stop() {
    [ "$BASHPID" = "$$" ] || exit 0 # the child before its exec
    trap '' INT QUIT TERM HUP
    : "${command_pid:=$!}" # the signal may come before it is assigned
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
