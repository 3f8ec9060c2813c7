#!/bin/bash -p
# Builds the Debian package from what git knows here (or, without git, all there is), and what npm has
# brought: deb.sh VERSION
# It comes to build/deb/; what lintian has to say of it ends the script with an error.
set -euo pipefail
umask 022 # dpkg-deb refuses folders that only their owner may enter

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
cp -a build/site-npm "$source/build/"

[ "$(dpkg-parsechangelog -l "$source/debian/changelog" -S Version)" = "$version" ] || {
    echo "VERSION in the Makefile is $version, and deploy/debian/changelog begins with another one: mend one of them." >&2
    exit 1
}
(cd "$source" && DEB_BUILD_OPTIONS="noautodbgsym parallel=$(nproc)" dpkg-buildpackage --build=binary \
    --no-sign --no-pre-clean >"../build.log" 2>&1) || {
    tail -40 "$folder/build.log" >&2
    exit 1
}
rm -rf "$source"
package=$folder/sms-gateway_${version}_$(dpkg --print-architecture).deb
lintian --fail-on warning --tag-display-limit 0 "$package"
echo "Built $package"
