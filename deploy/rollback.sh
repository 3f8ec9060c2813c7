#!/bin/bash -p
# Goes back to the version before the last upgrade. It makes a backup first; messages that the newer version accepted
# stay.
#
#   rollback.sh [OPTION ...]
#
#   --package FILE  go back to this package instead
#   --dry-run       print the steps, and change nothing
#   --help          print this help
set -euo pipefail
umask 022

# shellcheck source=deploy/installed.sh
. "$(dirname "$0")/installed.sh"

package=
dry_run=no
while [ $# -gt 0 ]; do
    case "$1" in
    --package)
        [ $# -gt 1 ] || refuse_usage "$1 needs a file"
        package=$2
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

need_root
need_systemd
[ "$dry_run" = yes ] || only_one
need_installation
if [ -z "$package" ]; then
    package=$package_folder/previous
    [ -e "$package" ] || refuse "there was no upgrade on this machine: give the package to go back to with --package FILE."
fi
[ "$(dpkg-deb --field "$package" Package 2>/dev/null)" = sms-gateway ] || refuse "$package is not a package of the gateway."
package=$(realpath "$package")
with_postgresql "$package"
version=$(dpkg-deb --field "$package" Version)
present=$(installed_version)
[ "$version" != "$present" ] || refuse "version $version is already installed."
if [ "$dry_run" = yes ]; then
    echo "would: make a backup"
    echo "would: stop version $present, take the schema of the database back, and start $version from $package"
    exit 0
fi
read_settings --check-config
echo "- make a backup"
make_backup
trap '' HUP INT TERM
echo "- go back from version $present to $version" || true
if ! go_back "$package"; then
    refuse "cannot go back to version $version; see the message above. Version $(installed_version) was started again."
fi
if ! is_healthy; then
    show_log
    refuse "version $version does not serve. No message is lost: fix the errors above and run this script again with --package $package."
fi
rm -f "$package_folder/previous"
echo "- version $version serves again" || true
