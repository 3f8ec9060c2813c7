#!/bin/bash -p
# Builds the Debian packages into build/deb/: deb.sh VERSION
# From the files that git knows (without git: all files) and what fetch-npm.py has brought. A lintian warning is an
# error.
set -euo pipefail
umask 022 # dpkg-deb refuses folders without permissions for others

cd "$(dirname "$0")/.."
# shellcheck source=deploy/shell.sh
. deploy/shell.sh
version=$1
folder=build/deb
source=$folder/sms-gateway-$version

rm -rf "$source"
mkdir -p "$source"
sources() {
    git ls-files -z 2>/dev/null || find . -path ./build -prune -o -type f -print0
}
sources | tar --null --files-from=- -c | tar -x -C "$source"
cp -a deploy/debian "$source/debian"
mkdir -p "$source/build"
cp -a build/site-npm build/dashboard-npm "$source/build/"

[ "$(dpkg-parsechangelog -l "$source/debian/changelog" -S Version)" = "$version" ] || {
    echo "VERSION in the Makefile is $version, but deploy/debian/changelog begins with another version: correct one of them." >&2
    exit 1
}
(cd "$source" && DEB_BUILD_OPTIONS="noautodbgsym parallel=$(nproc)" dpkg-buildpackage --build=binary \
    --no-sign --no-pre-clean >"../build.log" 2>&1) || {
    tail -40 "$folder/build.log" >&2
    exit 1
}
rm -rf "$source"
for name in sms-gateway sms-gateway-postgresql; do
    package=$folder/${name}_${version}_$(dpkg --print-architecture).deb
    lintian --fail-on warning --tag-display-limit 0 "$package"
    echo "Built $package"
done
