#!/bin/bash -p
# Runs a script that Ctrl-C, Ctrl-\, SIGTERM and SIGHUP end at any instant: stoppable.sh COMMAND [ARGUMENT ...]
# The command runs in its own session and gets SIGTERM for each of these signals. The exit status is the command's.
#
# A bash that does work could lose a signal: it drops a SIGINT that arrives while a foreground command exits. This one
# only waits, and never for long: a signal that arrives at the instant when it begins to wait is heard at the end.
# shellcheck source=deploy/shell.sh
. "${BASH_SOURCE[0]%/*}/shell.sh"
command_pid=
tick=

# Until the command has exited, or for that many seconds; `ended` is who has, `status` its exit status.
wait_at_most() {
    sleep "$1" &
    tick=$!
    wait -n -p ended "$command_pid" "$tick"
    status=$?
    end_tick
}

end_tick() {
    [ -n "$tick" ] && { kill -KILL "$tick" && wait "$tick"; } 2>/dev/null
    tick=
}

# Repeats SIGTERM until the command has exited: a process that has just started may lose a signal.
# shellcheck disable=SC2317
stop() {
    [ "$BASHPID" = "$$" ] || exit 0 # the child before its exec
    trap '' INT QUIT TERM HUP
    : "${command_pid:=$!}" # the signal may come before it is assigned
    end_tick
    while [ -n "$command_pid" ] && kill -TERM "$command_pid" 2>/dev/null; do
        wait_at_most 0.5
    done
    exit 0
}

trap stop INT QUIT TERM HUP
setsid -- setpriv --pdeathsig TERM -- "$@" &
command_pid=$!
ended=
while [ "$ended" != "$command_pid" ]; do
    wait_at_most 2
done
trap '' INT QUIT TERM HUP
exit "$status"
