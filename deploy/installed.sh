#!/bin/bash -p
# Paths and functions that the scripts of an installed gateway share. They source this file.
# shellcheck disable=SC2034 # used by the scripts that source this file

# shellcheck source=deploy/shell.sh
. "${BASH_SOURCE[0]%/*}/shell.sh"

settings_file=/etc/sms-gateway/settings.env
tls_folder=/etc/sms-gateway/tls
tls_copies=/run/sms-gateway-tls
data_folder=/var/lib/sms-gateway
package_folder=/var/lib/sms-gateway-packages # outside the data folder, so that restoring the data does not change it
programs=/usr/lib/sms-gateway
schema_file=/usr/share/sms-gateway/schema-version # the schema of the installed programs
program_units=(sms-gateway-api.service sms-gateway-broker.service sms-gateway-webhooks.service)
socket_units=(sms-gateway-api.socket sms-gateway-broker.socket)
all_units=("${socket_units[@]}" "${program_units[@]}" sms-gateway-nginx.service)

refuse() {
    echo "${0##*/}: $*" >&2
    exit 1
}

refuse_usage() {
    echo "${0##*/}: $*; --help lists the options" >&2
    exit 2
}

# Prints the comment at the head of the script.
print_help() {
    sed -n '2,/^[^#]/{ s/^# \{0,1\}//p }' "$0"
}

need_root() {
    [ "$(id -u)" -eq 0 ] || refuse "this needs root: run it as root, or with sudo."
}

need_systemd() {
    [ -d /run/systemd/system ] ||
        refuse "systemd is not running, and the gateway needs it. For machines without systemd see deploy/container."
}

# Two scripts at once would undo each other's steps: an upgrade that finds dpkg busy would go back.
only_one() {
    exec {installation_lock}>/run/sms-gateway-installation.lock
    flock -n "$installation_lock" ||
        refuse "another script is changing this installation: try again when it has ended."
}

need_installation() {
    [ -x "$programs/api-fcgi" ] || refuse "the gateway is not installed; install.sh installs it."
}

# read_settings OPTION: sets a variable for each setting. The option of api-fcgi, like --check-config, selects the checks.
read_settings() {
    local lines
    lines=$("$programs/api-fcgi" "$1") ||
        refuse "the settings are not valid; correct $settings_file as the message above says."
    eval "$lines" # NAME=value or NAME='value'; no value has a quote
}

# The value of a setting in the file, or nothing.
setting_in_file() {
    [ ! -r "$settings_file" ] ||
        sed -n "s/\r\$//; s/^[[:space:]]*\(export[[:space:]]\+\)\?$1[[:space:]]*=[[:space:]]*//p" "$settings_file" |
        tail -n 1 | sed "s/^'\([^']*\)'.*/\1/; t; s/^\"\([^\"]*\)\".*/\1/; t; s/[[:space:]]\+#.*//; s/[[:space:]]*\$//"
}

# The operator's tool, as the owner of the files that it writes.
gateway() {
    setpriv --reuid=sms-gateway --regid=sms-gateway --init-groups --inh-caps=-all -- /usr/bin/sms-gateway "$@"
}

# Empty if the package was removed, even if its configuration remains.
installed_version() {
    { dpkg-query -W -f='${db:Status-Status} ${Version}\n' sms-gateway 2>/dev/null || true; } |
        sed -n '/^\(config-files\|not-installed\) /!s/.* //p'
}

# The URL of plain HTTP for this machine itself; with TLS plain HTTP is open on 127.0.0.1 only.
local_url() {
    local first
    first=$("$programs/api-fcgi" --print-listeners | head -n 1)
    case "$first" in
    0.0.0.0:* | \[::\]:*) first=127.0.0.1:${first##*:} ;;
    esac
    echo "http://$first"
}

# wait_at_most SECONDS COMMAND …: tries it every tenth of a second; fails if it has not succeeded by then.
wait_at_most() {
    local uptime end
    read_uptime
    end=$((uptime + $1))
    shift
    until "$@"; do
        read_uptime
        [ "$uptime" -lt "$end" ] || return 1
        sleep 0.1
    done
}

is_ready() {
    ask_directly -fs -o /dev/null --max-time 5 "$(local_url)/readyz"
}

all_active() {
    systemctl is-active --quiet "${all_units[@]}"
}

show_log() {
    echo "The last lines of the log (journalctl -u 'sms-gateway-*' shows all):" >&2 || true # the terminal may be gone
    journalctl --no-pager --quiet --output=cat --lines=15 --unit='sms-gateway-*' >&2 || true
}

# Whether a unit has failed, is stopped, or restarts again and again.
one_fails() {
    local unit
    for unit in "${all_units[@]}"; do
        case "$(systemctl show --property=ActiveState --value "$unit")" in
        failed | inactive) return 0 ;;
        esac
        [[ $(systemctl show --property=NRestarts --value "$unit") -lt 10 ]] || return 0 # a socket has none
    done
    return 1
}

start_is_decided() {
    all_active || one_fails
}

# As long as the unit's start timeout: a program may have to change the schema of a large database.
wait_for_start() {
    wait_at_most 900 start_is_decided && all_active && wait_at_most 30 is_ready
}

# The path of the package with PostgreSQL that belongs to a package of the gateway, in the same folder.
postgresql_package() {
    local file
    file=$(realpath "$1")
    echo "${file%/*}/sms-gateway-postgresql_$(dpkg-deb --field "$1" Version)_$(dpkg-deb --field "$1" Architecture).deb"
}

has_postgresql() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' sms-gateway-postgresql 2>/dev/null)" = installed ]
}

# A package of the gateway, and the one with PostgreSQL where that is installed: they have the same version.
with_postgresql() {
    packages=("$1")
    ! has_postgresql || packages+=("$(postgresql_package "$1")")
    [ -r "${packages[-1]}" ] || refuse "${packages[-1]} is missing: it must be next to ${packages[0]}, because it is installed too."
}

uses_postgresql() {
    [[ $DATABASE_URL == postgres:* || $DATABASE_URL == postgresql:* ]]
}

# A server on this machine is reached by its socket, for which the units need no network.
uses_network_for_database() {
    uses_postgresql && [[ $DATABASE_URL != *[?\&]host=/* ]]
}

# Backups of a PostgreSQL database are made by its own tools.
make_backup() {
    if uses_postgresql; then
        echo "none; the database is PostgreSQL's"
    else
        gateway backup create
    fi
}

# Keeps the file of a package for a rollback, and of the one with PostgreSQL that is next to it.
keep_package() {
    local name of_postgresql
    name=sms-gateway_$(dpkg-deb --field "$1" Version)_$(dpkg-deb --field "$1" Architecture).deb
    of_postgresql=$(postgresql_package "$1")
    install -d -m 755 "$package_folder"
    [ "$(realpath "$1")" != "$package_folder/$name" ] || return 0
    install -m 644 "$1" "$package_folder/$name"
    [ ! -e "$of_postgresql" ] || install -m 644 "$of_postgresql" "$package_folder"
}

# The path of the kept package of a version.
kept_package() {
    echo "$package_folder/sms-gateway_$1_$(dpkg --print-architecture).deb"
}

schema_of_package() {
    dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/sms-gateway/schema-version
}

# Debian's own upgrades run at any time of the day.
dpkg_is_free() {
    local file
    for file in "${DPKG_ADMINDIR:-/var/lib/dpkg}"/lock{,-frontend}; do
        [ ! -e "$file" ] || ! grep -q "^[0-9]*: POSIX .*:$(stat -c %i "$file") " /proc/locks || return 1
    done
}

# Without questions about changed settings: the existing file stays.
dpkg_quietly() {
    dpkg_is_free || {
        echo "- wait until another program has ended its work with dpkg" >&2
        wait_at_most 900 dpkg_is_free || true # then dpkg says who has it
    }
    DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --force-downgrade "$@" </dev/null
}

process_ids() {
    systemctl show --property=MainPID --value "${program_units[@]}" sms-gateway-nginx.service
}

# Whether the installed version serves, and keeps serving. Prints why not.
is_healthy() {
    local before unit program
    wait_for_start || {
        echo "The gateway did not become ready." >&2
        return 1
    }
    systemctl reload sms-gateway-nginx.service || {
        echo "nginx did not accept its configuration." >&2
        return 1
    }
    for unit in "${program_units[@]}"; do
        program=$(readlink "/proc/$(systemctl show --property=MainPID --value "$unit")/exe") || program=none
        case "$program" in
        "$programs"/api-fcgi | "$programs"/ws-broker | "$programs"/webhook-sender) ;;
        *)
            echo "$unit runs $program instead of the installed program." >&2
            return 1
            ;;
        esac
    done
    before=$(process_ids)
    "$programs/self-test.sh" --light || return 1
    sleep 5 # to see that no process restarts
    if [ "$before" != "$(process_ids)" ] || ! is_ready; then
        echo "A process restarted, or the gateway is no longer ready." >&2
        return 1
    fi
}

# The newer tool takes the schema back, because the older programs do not know it.
take_schema_back() {
    local older=$1 old_schema new_schema
    old_schema=$(schema_of_package "$older") && new_schema=$(cat "$schema_file") || return 1
    [ "$new_schema" -le "$old_schema" ] || uses_postgresql || gateway database downgrade --to "$old_schema"
}

# Installs an older package; messages that the newer version accepted stay. If it fails, what is installed runs on.
go_back() {
    local done=yes
    with_postgresql "$1"
    systemctl stop "${socket_units[@]}" "${program_units[@]}" || true # with the sockets, which would start them again
    take_schema_back "$1" && dpkg_quietly --install "${packages[@]}" || done=no
    systemctl start sms-gateway.target "${all_units[@]}" || true # is_healthy finds failures
    [ $done = yes ]
}
