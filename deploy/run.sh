#!/bin/bash -p
# Runs nginx, api-fcgi, ws-broker and webhook-sender as one group in the foreground, from the working directory.
# Ctrl-C, Ctrl-\, SIGTERM and SIGHUP end it at any instant; when one program ends by itself the others are stopped.
#
# While it runs, it holds RUNTIME_DIR/lock, and RUNTIME_DIR/settings.env has its settings (common/process/running.h).
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
[ "${1-}" = stoppable ] || exec "$source_dir/deploy/stoppable.sh" "$source_dir/deploy/run.sh" stoppable
umask 027 # for nginx's logs; the programs set their own umask
# shellcheck source=deploy/shell.sh
. "$source_dir/deploy/shell.sh"

# Until the programs start, a signal ends this script and its current child.
step() {
    setpriv --pdeathsig TERM -- "$@"
}

# ---- Settings ----

PATH=$PATH:/usr/sbin # where Debian has nginx
programs=${PROGRAMS:-$source_dir/build}
runtime_dir_given=${RUNTIME_DIR+yes}
: "${runtime_dir_given:=no}"
settings=$("$programs/api-fcgi" --check-front) || exit 1
eval "$settings"
# If only this machine can connect, settings that make a first try harder are off unless the user has set them.
unchosen=()
while read -r setting; do
    [[ $'\n'$settings$'\n' != *$'\n'"$setting"$'\n'* ]] || continue
    setting=${setting//\'/}
    unchosen+=("$setting")
    export "${setting?}"
    declare "$setting"
done < <("$programs/api-fcgi" --check-config --private)

# nginx's listeners; the first is plain HTTP, which with TLS is for this machine only.
listeners=$("$programs/api-fcgi" --print-listeners) || exit 1
is_loopback() {
    ! grep -qv '^127\.\|^\[::1\]:' <<<"$listeners"
}

speaks_tls() {
    [ -n "$TLS_CERTIFICATE" ]
}

# A PUBLIC_URL means that others connect through a proxy.
is_private() {
    is_loopback && [ -z "$PUBLIC_URL" ]
}

probe=${listeners%%$'\n'*} # the address for this machine itself
probe=${probe%:*}
case "$probe" in
0.0.0.0 | \[::\]) probe=127.0.0.1 ;;
esac
host=$probe # for messages to the user
[ "$host" != 127.0.0.1 ] || host=localhost
address=http://$host:$HTTP_PORT

# ---- The lock of RUNTIME_DIR ----

# An absolute path that settings accept: they refuse some characters that a folder's name may contain.
absolute() {
    case "$1" in
    '' | /*) echo "$1" ;;
    *) case "$PWD" in
        *[\'\"\$\\[:cntrl:]]*) echo "/proc/$PPID/cwd/$1" ;;
        *) echo "$PWD/$1" ;;
        esac ;;
    esac
}

# "# process PID serves URL from DATABASE" is the first line of settings.env.
refuse_second() {
    local pid='' url=''
    { read -r _ _ pid _ url _ <"$RUNTIME_DIR/settings.env"; } 2>/dev/null || true
    if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
        refuse "A gateway is already running in the folder $RUNTIME_DIR: process $pid, $url. Stop it with: kill $pid
A second gateway needs its own port, folder and database:
  $(second_command "${url##*:}")"
    fi
    refuse "The gateway in the folder $RUNTIME_DIR is starting or stopping. Try again in a few seconds."
}

second_command() {
    local port=$HTTP_PORT tls_port=
    [ "$port" != "$1" ] || port=$((port + 1))
    ! speaks_tls || tls_port=" HTTPS_PORT=$((HTTPS_PORT + 1))"
    echo "HTTP_PORT=$port$tls_port RUNTIME_DIR=run-$port DATABASE_PATH=data-$port/sms-gateway.db make run"
}

# For example after `sudo make run`.
refuse_lock() {
    "$programs/api-fcgi" --check-start >/dev/null || exit 1 # if the folder is not writable
    refuse "RUNTIME_DIR: $RUNTIME_DIR/lock belongs to $(stat -c %U -- "$RUNTIME_DIR/lock"), who has run a gateway here." \
        "Remove the folder $RUNTIME_DIR, or choose another one"
}

# A kernel lock: it ends with the last process that holds it, so it is never stale.
lock=
take_lock() {
    [ -z "$lock" ] || return 0
    { exec {lock}>>"$RUNTIME_DIR/lock"; } 2>/dev/null || refuse_lock
    step flock -n "$lock" || step flock -w 1 "$lock" || refuse_second # a tool may hold it for an instant to test it
}

[ ! -d "$RUNTIME_DIR" ] || take_lock
"$programs/api-fcgi" --check-start >/dev/null || exit 1
mkdir -p -- "$RUNTIME_DIR"
take_lock
rm -f -- "$RUNTIME_DIR/settings.env" # a leftover of a killed gateway

step "$source_dir/deploy/nginx-conf.sh" "$programs"

# For the tools, which may run with other variables and in other folders.
write_settings() {
    local url='' database written
    database=$(absolute "$DATABASE_PATH")
    case "$DATABASE_URL" in postgres:* | postgresql:*) url=$DATABASE_URL ;; esac
    written=$(DATABASE_URL=$url DATABASE_PATH=$database TLS_CERTIFICATE=$(absolute "$TLS_CERTIFICATE") \
        TLS_KEY=$(absolute "$TLS_KEY") TLS_CA=$(absolute "$TLS_CA") "$programs/api-fcgi" --check-config --without-password)
    [ -z "$url" ] || database=$(eval "$written" && echo "$DATABASE_URL")
    echo "# process $PPID serves $address from $database"
    echo "$written"
}

is_held() {
    [ -e "$1/lock" ] && ! flock -s -n -- "$1/lock" true
}

# A tool without this RUNTIME_DIR looks in the one of .env: leaves a link there, unless another gateway runs there.
files=("$RUNTIME_DIR/settings.env") # removed at the end
tool_variables=
lead_here() {
    local usual
    usual=$(unset RUNTIME_DIR && eval "$("$programs/api-fcgi" --check-config)" && echo "$RUNTIME_DIR")
    [ ! "$usual" -ef "$RUNTIME_DIR" ] || return 0
    mkdir -p -- "$usual"
    if is_held "$usual" || is_held "$usual/elsewhere"; then
        tool_variables="RUNTIME_DIR=$(printf %q "$RUNTIME_DIR") "
    else
        ln -sfn -- "$(absolute "$RUNTIME_DIR")" "$usual/elsewhere"
        files+=("$usual/elsewhere")
    fi
}

install -m 600 -- /dev/null "$RUNTIME_DIR/settings.env.new"
write_settings >"$RUNTIME_DIR/settings.env.new"
[ "$runtime_dir_given" = no ] || lead_here

# ---- The banner ----

print_banner() {
    local shown phone key public
    shown=$tool_variables$(printf '%q' "${programs#"$PWD"/}") # quoted for a shell
    phone="--url ws://$host:$HTTP_PORT"
    [ "$DEVICE_TOKENS" = off ] || phone="--pair 'LINK'    (devices pair prints the link, see below)"
    key=
    [ "$API_KEYS" = off ] || key=" -H 'Authorization: Bearer KEY'"
    cat <<END

The SMS gateway serves $address  (the dashboard; API description: $address/docs)

Connect a simulated phone, in another terminal:
  $shown/phone-sim $phone

Send an SMS:
  curl -X POST $address/api/send-sms$key -H 'Content-Type: application/json' \\
    -d '{"phone_number": "+1234567890", "message": "Hello from the SMS Gateway!"}'

END

    # The URL for other machines, and how they verify the certificate.
    public=${PUBLIC_URL:-$address}
    if speaks_tls || ! is_loopback; then
        public=$("$programs/api-fcgi" --print-public-url 2>/dev/null) || public="https://(set PUBLIC_URL)"
        if is_loopback; then
            echo "With TLS: $public, for this machine only (LISTEN_ADDRESS)."
        else
            echo "Clients on other machines use $public, phones ${public/#http/ws}."
        fi
        if [ -n "$TLS_CA" ]; then
            cat <<END
They must trust the gateway's CA: the file $TLS_CA, or $public/ca.crt if its SHA-256 is
  $(openssl x509 -in "$TLS_CA" -outform DER | sha256sum | cut -d' ' -f1)
END
        fi
        if speaks_tls && ! openssl x509 -noout -checkend $((14 * 86400)) -in "$TLS_CERTIFICATE" >/dev/null; then
            echo "WARNING: $TLS_CERTIFICATE expires soon: $(openssl x509 -noout -enddate -in "$TLS_CERTIFICATE")."
        fi
        if speaks_tls && ! is_loopback; then
            { "$programs/api-fcgi" --print-public-url >/dev/null || true; } 2>&1 # the warning about the URL
        fi
        if ! speaks_tls; then
            echo "WARNING: everyone on the network path can read and change the traffic (PLAIN_HTTP=everywhere)."
        fi
        echo
    fi
    if [ "$API_KEYS" = off ] && ! is_private; then
        echo "WARNING: anyone who can reach $public can send and read SMS (API_KEYS=off)."
    elif [ "$API_KEYS" = required ]; then
        cat <<END
Each request needs an API key in the header Authorization: Bearer KEY. Create one with:
  $shown/sms-gateway keys create NAME
END
    fi
    if [ "$DEVICE_TOKENS" = required ]; then
        cat <<END
Each phone needs a token. Pair one with:
  $shown/sms-gateway devices pair
END
    elif ! is_private; then
        echo "WARNING: any phone that can reach $public gets messages (DEVICE_TOKENS=off)."
    fi
    if is_private && [ ${#unchosen[@]} -gt 0 ]; then
        echo "Turned off, because only this machine can connect: ${unchosen[*]}"
    fi
    echo "Ctrl-C stops it."
}
banner=$(print_banner)

# ---- Processes ----

exec {log}>&2 2>/dev/null # bash's own words, as of a child that was killed, would wait for a pipe that nobody reads from
declare -A names=()       # of the programs, by process id
finishing=no

# Runs a child in a process group of its own; the kernel ends it with this script.
background() {
    setsid -- setpriv --pdeathsig TERM -- "$@" 2>&"$log" {log}>&- &
}

start() {
    local name=$1
    shift
    background "$@"
    names[$!]=$name
}

# Stops children by SIGTERM, within a time limit. Sends it repeatedly: a process that has just started may lose it
# (nginx does before its first sigsuspend).
end() {
    local uptime last pid tick alive
    read_uptime
    last=$((uptime + ${DRAIN_TIMEOUT_SECONDS:-0} + 5))
    while [ "$uptime" -le "$last" ]; do
        alive=()
        for pid; do
            ! kill -TERM "$pid" 2>/dev/null || alive+=("$pid")
        done
        [ ${#alive[@]} -gt 0 ] || return 0
        set -- "${alive[@]}"
        sleep 0.2 &
        tick=$!
        wait -n "$@" "$tick"
        {
            kill -KILL "$tick"
            wait "$tick"
        } 2>/dev/null
        read_uptime
    done
}

# Waits for a second at most.
tell() {
    timeout --foreground --signal=KILL 1 /bin/echo "$*" >&"$log" || true
}

# nginx last, because close frames and answers go through it.
finish() {
    local status=$1 pid serving=() others=() nginx=()
    [ "$BASHPID" = "$$" ] || exit 0 # a child before its exec
    [ "$finishing" = no ] || return 0 # another signal
    finishing=yes
    trap '' TERM
    trap - EXIT
    set +e # the terminal may be gone
    for pid in $(jobs -p); do
        case "${names[$pid]-}" in
        '') others+=("$pid") ;;
        nginx) nginx+=("$pid") ;;
        *) serving+=("$pid") ;;
        esac
    done
    [ ${#names[@]} -eq 0 ] || [ "$status" -ne 0 ] || tell "Stopping."
    [ ${#others[@]} -eq 0 ] || end "${others[@]}"
    [ ${#serving[@]} -eq 0 ] || end "${serving[@]}"
    [ ${#nginx[@]} -eq 0 ] || end "${nginx[@]}"
    for pid in "${!names[@]}" "${others[@]}"; do
        kill -KILL -- "-$pid" 2>/dev/null # whatever is left, like the workers of a killed nginx
    done
    [ ${#files[@]} -eq 0 ] || rm -f -- "${files[@]}"
    exit "$status"
}

# Waits until a program ends, reports it, and stops the others.
supervise() {
    local dead='' status=0 pid tick
    while [ -z "$dead" ]; do
        # `wait -n` overlooks one that has ended while this script waited for another child.
        for pid in "${!names[@]}"; do
            kill -0 "$pid" 2>/dev/null || dead=$pid
        done
        if [ -n "$dead" ]; then
            wait "$dead" || status=$?
            break
        fi
        background sleep 10
        tick=$!
        status=0
        wait -n -p dead "${!names[@]}" "$tick" || status=$?
        [ "$dead" != "$tick" ] || dead=
    done
    if [ "$status" -gt 128 ]; then
        tell "${names[$dead]} was killed by signal $((status - 128)); stopping the others."
    else
        tell "${names[$dead]} exited with status $status; stopping the others."
    fi
    finish 1
}

# bash handles signals between commands and in `wait`, so slow commands run as children.
in_time() {
    background "$@"
    wait "$!"
}

readyz=http://$probe:$HTTP_PORT/readyz
is_ready() {
    [ -S "$RUNTIME_DIR/broker.sock" ] && in_time curl -q --noproxy '*' -fs -o /dev/null --max-time 2 "$readyz"
}

all_run() {
    local pid
    for pid in "${!names[@]}"; do
        kill -0 "$pid" 2>/dev/null || return 1
    done
}

# No $(...) from here on: a trap that runs while bash parses one breaks its parser.
trap 'finish 0' TERM # stoppable.sh sends SIGTERM for every signal
trap 'finish $?' EXIT
mv -- "$RUNTIME_DIR/settings.env.new" "$RUNTIME_DIR/settings.env"
start api-fcgi "$programs/api-fcgi"
start ws-broker "$programs/ws-broker"
start webhook-sender "$programs/webhook-sender"
start nginx nginx -e stderr -p "$PWD/" -c "$RUNTIME_DIR/nginx.conf"

for ((i = 0; i < 100; i++)); do
    all_run || supervise
    ! is_ready || break
    in_time sleep 0.1
done
in_time timeout --signal=KILL 10 /bin/echo "$banner" || true # standard output may be closed, full, or read by nobody
supervise
