#!/bin/bash -p
# For the scripts here, which source it first: what the caller's shell has set for itself ends here.
# `bash -p` has kept out BASH_ENV, CDPATH, exported functions and options already (bash(1), -p).
set +o posix
unset POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE PYTHONPATH PYTHONHOME
export LC_ALL=C # figures, orders and ranges of letters are the same for everybody

# Asks a gateway of this machine: no proxy, and not as ~/.curlrc would have it.
ask_directly() {
    curl -q --noproxy '*' "$@"
}

refuse() {
    echo "$*" >&2
    exit 1
}
