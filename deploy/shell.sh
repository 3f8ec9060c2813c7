#!/bin/bash -p
# All scripts here source this file first. It removes settings of the caller's shell; `bash -p` already ignores BASH_ENV,
# CDPATH, exported functions and options (bash(1), -p).
set +o posix
# A standard stream that is closed: the next file that a command opens would have its number, and what is printed would go there.
if [ -d /proc/self/fd ]; then # not in every chroot
    [ -e /proc/self/fd/0 ] || exec </dev/null
    [ -e /proc/self/fd/1 ] || exec >/dev/null
    [ -e /proc/self/fd/2 ] || exec 2>/dev/null
fi
unset POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE PYTHONPATH PYTHONHOME
unset NGINX # to nginx, the sockets that it inherits
export PATH # without one bash takes its own, which commands do not see
export LC_ALL=C # the same number format, sort order and letter ranges everywhere

# Sets `uptime` to the seconds since the machine started. A wait must not count by SECONDS, which jumps when the clock is set.
read_uptime() {
    read -r uptime _ 2>/dev/null </proc/uptime || uptime=$SECONDS # without /proc
    uptime=${uptime%.*}
}

# curl without a proxy and ~/.curlrc, for a gateway on this machine.
ask_directly() {
    curl -q --noproxy '*' "$@"
}

refuse() {
    echo "$*" >&2
    exit 1
}
