#!/usr/bin/env bash
# Where nginx listens, for run.sh and nginx-conf.sh, which have read the settings before.

refuse() {
    echo "$*" >&2
    exit 1
}

is_loopback() {
    [[ $LISTEN_ADDRESS == 127.* || $LISTEN_ADDRESS =~ ^\[?::1\]?$ || $LISTEN_ADDRESS == localhost ]]
}

speaks_tls() {
    [ -n "$TLS_CERTIFICATE" ]
}

# The address as a URL has it, and nginx: IPv6 in brackets.
in_brackets() {
    if [[ $1 == *:* && $1 != \[* ]]; then
        echo "[$1]"
    else
        echo "$1"
    fi
}

without_brackets() {
    local address=${1#\[}
    echo "${address%\]}"
}

# A file nginx is to read: it must be there, and nginx must take its name as it stands.
check_file() {
    local name=$1 path=$2
    [ -r "$path" ] || refuse "$name: the file $path cannot be read. Mend the path, or its permissions."
    [[ $path != *[\$\\]* ]] || refuse "$name: nginx takes no \$ and no \\ in the path of a file."
}

check_tls() {
    speaks_tls || {
        [ -z "$TLS_KEY$TLS_CA" ] ||
            refuse "TLS_KEY and TLS_CA are of use with TLS_CERTIFICATE only: set that too, or none."
        return 0
    }
    [ -n "$TLS_KEY" ] || refuse "TLS_CERTIFICATE needs TLS_KEY, the file of its private key."
    check_file TLS_CERTIFICATE "$TLS_CERTIFICATE"
    check_file TLS_KEY "$TLS_KEY"
    [ "$HTTP_PORT" != "$HTTPS_PORT" ] || refuse "HTTP_PORT and HTTPS_PORT are the same: change one."
    [ -n "$TLS_CA" ] || return 0
    check_file TLS_CA "$TLS_CA"
    ! grep -q 'PRIVATE KEY' "$TLS_CA" ||
        refuse "TLS_CA: there is a private key in $TLS_CA, and that file is served to everybody."
    grep -q 'BEGIN CERTIFICATE' "$TLS_CA" || refuse "TLS_CA: $TLS_CA has no certificate in PEM form."
}

check_listen() {
    [[ $LISTEN_ADDRESS =~ ^(\*|[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?)$ ]] ||
        refuse "LISTEN_ADDRESS must be an address of this machine, or 0.0.0.0 for all of them, and is $LISTEN_ADDRESS"
    check_tls
    speaks_tls || is_loopback || [ "$PLAIN_HTTP" = everywhere ] || {
        cat >&2 <<END
LISTEN_ADDRESS=$LISTEN_ADDRESS lets other machines connect, and there is no TLS: texts, keys and login codes would
cross the network for everybody to read. One of two ways out:
  - make lan-certificate makes a certificate of your own; or set TLS_CERTIFICATE and TLS_KEY to the one you
    have. deploy/TLS.md tells more.
  - PLAIN_HTTP=everywhere, where that network, or a proxy with TLS in front, is trusted.
END
        exit 1
    }
}
