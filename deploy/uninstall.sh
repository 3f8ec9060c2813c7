#!/bin/bash -p
# Removes the gateway from this machine. Messages, backups, settings and certificates stay, for a later install.sh.
#
#   uninstall.sh [OPTION ...]
#
#   --dry-run     print the steps, and change nothing
#   --purge-data  remove everything: database, backups, settings, certificates, kept packages and users;
#                 asks for the word purge, unless --yes is given
#   --yes         ask no questions
#   --help        print this help
set -euo pipefail
umask 022

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"

purge=no
sure=no
dry_run=no
while [ $# -gt 0 ]; do
    case "$1" in
    --dry-run) dry_run=yes ;;
    --purge-data) purge=yes ;;
    --yes) sure=yes ;;
    --help)
        print_help
        exit 0
        ;;
    *) refuse_usage "there is no option $1" ;;
    esac
    shift
done

confirm() {
    local word=
    [ "$sure" = no ] || return 0
    [ -t 0 ] || refuse "--purge-data removes every message and backup: without a terminal it needs --yes too."
    [ -z "$stays" ] || echo "$stays"
    read -r -p "This removes every message, backup, key and setting for good. Type purge to continue: " word
    [ "$word" = purge ] || refuse "nothing was removed."
}

take_off() {
    systemctl disable --quiet --now sms-gateway.target 2>/dev/null || true
    systemctl stop 'sms-gateway-*' 2>/dev/null || true
    [ -z "$(installed_version)" ] || DEBIAN_FRONTEND=noninteractive apt-get "$1" -y -q sms-gateway
}

# A database that is not in the data folder: it may have been made, and be used, by others.
data_elsewhere() {
    local path
    DATABASE_URL=$(setting_in_file DATABASE_URL)
    path=$(setting_in_file DATABASE_PATH)
    case "$DATABASE_URL" in sqlite:*) path=${DATABASE_URL#sqlite:} ;; esac
    if uses_postgresql; then
        echo "The messages in the PostgreSQL database of DATABASE_URL stay."
    elif [ -n "$path" ] && [[ $path != "$data_folder"/* ]]; then
        echo "The messages in the database $path stay."
    fi
}

remove_data() {
    rm -rf "$data_folder" "${settings_file%/*}" "$package_folder" /run/sms-gateway "$tls_copies" \
        /var/lib/systemd/timers/stamp-sms-gateway-*
    rm -f /etc/systemd/system/sms-gateway-*.service.d/postgresql.conf
    systemctl unmask --quiet sms-gateway-backup.timer 2>/dev/null || true
    local user
    for user in sms-gateway-web sms-gateway; do
        ! id "$user" >/dev/null 2>&1 || userdel "$user"
    done
    ! getent group sms-gateway >/dev/null || groupdel sms-gateway
}

if [ "$dry_run" = yes ]; then
    echo "would: stop the gateway, and remove its package"
    [ "$purge" = no ] ||
        echo "would: remove $data_folder, ${settings_file%/*}, $package_folder and the users sms-gateway and sms-gateway-web"
    [ "$purge" = no ] || data_elsewhere
    exit 0
fi
need_root
only_one
stays=$(data_elsewhere)
if [ "$purge" = no ]; then
    take_off remove
    echo "Removed the gateway. Its data stays in $data_folder, its settings in ${settings_file%/*}."
else
    confirm
    take_off purge
    remove_data
    echo "Removed the gateway, its data and its settings.${stays:+ $stays}"
fi
