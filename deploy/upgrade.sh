#!/bin/bash -p
# Goes to a newer version of the gateway, and by itself back to the present one if that does not serve.
# A backup is made first. Phones and requests wait for seconds; what was accepted stays in any case.
#
#   upgrade.sh --package FILE [OPTION ...]
#
#   --previous FILE  the package of the present version, where it is not kept in /var/lib/sms-gateway-packages
#   --dry-run        say what would be done, and change nothing
#   --help           show this
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
    echo "- $*" || true # also where the terminal is gone
}

check_packages() {
    local file
    old_version=$(installed_version)
    previous=${previous:-$(kept_package "$old_version")}
    [ -r "$previous" ] ||
        refuse "the package of version $old_version is not in $package_folder: give it with --previous FILE, for the way back."
    for file in "$package" "$previous"; do
        [ "$(dpkg-deb --field "$file" Package 2>/dev/null)" = sms-gateway ] ||
            refuse "$file is no package of the gateway; make deb builds one."
    done
    [ "$(dpkg-deb --field "$previous" Version)" = "$old_version" ] ||
        refuse "$previous is not the package of version $old_version, which is installed."
    new_version=$(dpkg-deb --field "$package" Version)
    [ "$new_version" != "$old_version" ] || refuse "version $new_version is installed already."
    dpkg --compare-versions "$new_version" gt "$old_version" ||
        refuse "version $new_version is older than $old_version, which is installed: rollback.sh goes back."
    package=$(realpath "$package")
}

# What the new version needs and the old one did not.
install_needs() {
    local needs
    needs=$(apt-get install --simulate --no-install-recommends "$package" |
        awk '$1 == "Inst" && $2 != "sms-gateway" { print $2 }')
    # shellcheck disable=SC2086 # names of packages
    [ -z "$needs" ] || apt_install $needs
}

# The new files while the old programs go on; false where the settings do not suit them.
unpack_new() {
    dpkg_quietly --unpack "$package" >/dev/null && "$programs/api-fcgi" --check-config >/dev/null
}

back_at_once() {
    dpkg_quietly --install "$previous" >/dev/null || true
    refuse "version $new_version cannot serve with these settings, as said above. Version $old_version goes on."
}

fail_and_go_back() {
    show_log
    say "version $new_version does not serve: going back to $old_version"
    if go_back "$previous" && is_healthy; then
        refuse "version $new_version does not serve; $old_version does again, with all that was accepted. The backup from before is $backup."
    fi
    show_log
    refuse "neither version serves. The backup from before is $backup. Nothing is lost: mend what is said above and run" \
        "rollback.sh --package $previous; OPERATING.md in /usr/share/doc/sms-gateway tells how to restore a backup."
}

need_root
need_systemd
need_installation
check_packages
if [ "$dry_run" = yes ]; then
    echo "would: make a backup"
    echo "would: install $package, version $new_version, and start its programs in place of $old_version"
    echo "would: see whether it serves, and go back with $previous if it does not"
    exit 0
fi
read_settings --check-config
is_ready || refuse "the gateway is not ready now: mend that first, so that it can be told whether the new version serves."

say "keep the packages of both versions in $package_folder, for the way back"
keep_package "$previous"
keep_package "$package"
previous=$(kept_package "$old_version")
install_needs
say "make a backup"
backup=$(gateway backup create)
echo "$backup"
trap '' HUP INT TERM # from here on it goes to the end, one way or the other
say "install version $new_version, and start its programs in place of those of $old_version"
unpack_new || back_at_once
dpkg_quietly --configure sms-gateway >/dev/null || fail_and_go_back
say "see whether it serves"
is_healthy || fail_and_go_back
ln -sfn "${previous##*/}" "$package_folder/previous"
say "version $new_version serves; rollback.sh goes back to $old_version"
