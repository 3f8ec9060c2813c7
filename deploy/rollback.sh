#!/bin/bash -p
# Goes back to the version that was installed before the last upgrade. A backup is made first, and what the
# newer version has accepted stays.
#
#   rollback.sh [OPTION ...]
#
#   --package FILE  go back to this package instead
#   --dry-run       say what would be done, and change nothing
#   --help          show this
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
need_installation
if [ -z "$package" ]; then
    package=$package_folder/previous
    [ -e "$package" ] || refuse "no upgrade was made here: give the package to go back to with --package FILE."
fi
[ "$(dpkg-deb --field "$package" Package 2>/dev/null)" = sms-gateway ] || refuse "$package is no package of the gateway."
package=$(realpath "$package")
version=$(dpkg-deb --field "$package" Version)
present=$(installed_version)
[ "$version" != "$present" ] || refuse "version $version is installed already."
if [ "$dry_run" = yes ]; then
    echo "would: make a backup"
    echo "would: stop version $present, take the schema of the database back, and start $version from $package"
    exit 0
fi
read_settings --check-config
echo "- make a backup"
gateway backup create
trap '' HUP INT TERM
echo "- go back from version $present to $version" || true
if ! go_back "$package" || ! is_healthy; then
    show_log
    refuse "version $version does not serve. Nothing is lost: mend what is said above, and run this again with --package $package."
fi
rm -f "$package_folder/previous"
echo "- version $version serves again" || true
