#!/bin/bash -p
# Upgrades the gateway to a newer version, and goes back by itself if the new version does not serve.
# It makes a backup first, but of a PostgreSQL database none. Phones and requests wait for a few seconds; no accepted message is lost.
#
#   upgrade.sh --package FILE [OPTION ...]
#
#   --previous FILE  package of the installed version, if /var/lib/sms-gateway-packages does not have it
#   --dry-run        print the steps, and change nothing
#   --help           print this help
set -euo pipefail
umask 022

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"
# shellcheck source=deploy/apt.sh
. "$(dirname "$0")/apt.sh"

package=
previous=
dry_run=no
while [ $# -gt 0 ]; do
    case "$1" in
    --package | --previous)
        [ $# -gt 1 ] || refuse_usage "$1 needs a file"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
    --dry-run) dry_run=yes ;;
    --help)
        print_help
        exit 0
        ;;
    *) refuse_usage "there is no option $1" ;;
    esac
    shift
done
[ -n "$package" ] || refuse_usage "--package FILE is needed"

say() {
    echo "- $*" || true # even if the terminal is gone
}

check_packages() {
    local file
    old_version=$(installed_version)
    previous=${previous:-$(kept_package "$old_version")}
    [ -r "$previous" ] ||
        refuse "$package_folder does not have the package of version $old_version: give it with --previous FILE, for a rollback."
    for file in "$package" "$previous"; do
        [ "$(dpkg-deb --field "$file" Package 2>/dev/null)" = sms-gateway ] ||
            refuse "$file is not a package of the gateway; 'make deb' builds one."
    done
    [ "$(dpkg-deb --field "$previous" Version)" = "$old_version" ] ||
        refuse "$previous is not the package of the installed version $old_version."
    new_version=$(dpkg-deb --field "$package" Version)
    [ "$new_version" != "$old_version" ] || refuse "version $new_version is already installed."
    dpkg --compare-versions "$new_version" gt "$old_version" ||
        refuse "version $new_version is older than the installed version $old_version; use rollback.sh to go back."
    package=$(realpath "$package")
    with_postgresql "$previous"
    with_postgresql "$package"
}

# Installs the dependencies that only the new version has.
install_needs() {
    local needs
    needs=$(apt-get install --simulate --no-install-recommends "${packages[@]}" |
        awk '$1 == "Inst" && $2 !~ /^sms-gateway/ { print $2 }')
    # shellcheck disable=SC2086 # names of packages
    [ -z "$needs" ] || apt_install $needs
}

# Unpacks the new files while the old programs run. False if the new version refuses the settings.
unpack_new() {
    dpkg_quietly --unpack "${packages[@]}" >/dev/null && "$programs/api-fcgi" --check-config >/dev/null
}

back_at_once() {
    with_postgresql "$previous"
    dpkg_quietly --install "${packages[@]}" >/dev/null || true
    refuse "version $new_version refuses these settings; see the message above. Version $old_version keeps running."
}

fail_and_go_back() {
    show_log
    say "version $new_version does not serve; going back to $old_version"
    if go_back "$previous" && is_healthy; then
        refuse "version $new_version does not serve; version $old_version serves again, and no accepted message is lost. The backup is $backup."
    fi
    show_log
    refuse "neither version serves. The backup is $backup. No message is lost: fix the errors above and run" \
        "rollback.sh --package $previous; OPERATING.md in /usr/share/doc/sms-gateway/deploy explains how to restore a backup."
}

need_root
need_systemd
[ "$dry_run" = yes ] || only_one
need_installation
check_packages
if [ "$dry_run" = yes ]; then
    echo "would: make a backup"
    echo "would: install $package, version $new_version, and start its programs in place of $old_version"
    echo "would: check that it serves, and go back with $previous if it does not"
    exit 0
fi
read_settings --check-config
is_ready || refuse "the gateway is not ready now: fix that first, so that a failure of the new version can be recognised."

say "keep the packages of both versions in $package_folder, for a rollback"
keep_package "$previous"
keep_package "$package"
previous=$(kept_package "$old_version")
install_needs
say "make a backup"
backup=$(make_backup)
echo "$backup"
trap '' HUP INT TERM # from here on it must not stop halfway
say "install version $new_version, and start its programs in place of those of $old_version"
unpack_new || back_at_once
dpkg_quietly --configure --pending >/dev/null || fail_and_go_back
say "check that it serves"
is_healthy || fail_and_go_back
ln -sfn "${previous##*/}" "$package_folder/previous"
say "version $new_version serves; rollback.sh goes back to $old_version"
