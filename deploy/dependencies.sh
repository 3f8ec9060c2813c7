#!/bin/bash -p
# Installs the Debian packages that are missing: dependencies.sh run|test|gson|deb|deploy|fuzz|bench|lint
# Becomes root through sudo if needed.
set -euo pipefail

# shellcheck source=deploy/shell.sh
. "$(dirname "$0")/shell.sh"

run_packages=(gcc libc6-dev make curl ca-certificates nginx openssl python3 python3-yaml esbuild cmark-gfm
    libfcgi-dev libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libsqlite3-dev libcjson-dev uuid-dev libssl-dev
    libqrencode-dev libcurl4-openssl-dev)
test_packages=("${run_packages[@]}" libcmocka-dev fiu-utils faketime spin chromium chromium-driver shellcheck man-db
    strace systemd prometheus postgresql pgbouncer libpq-dev
    python3-pytest python3-pytest-xdist python3-requests python3-websockets python3-jsonschema
    python3-selenium zbar-tools jq php-cli)
gson_packages=("${run_packages[@]}" python3-pytest python3-pytest-xdist python3-requests python3-websockets python3-jsonschema
    default-jdk-headless libgoogle-gson-java)
deb_packages=("${run_packages[@]}" build-essential debhelper dpkg-dev libpq-dev lintian)
deploy_packages=("${deb_packages[@]}" debootstrap systemd-container python3-pytest python3-requests python3-websockets
    python3-jsonschema)
fuzz_packages=("${run_packages[@]}" clang libclang-rt-14-dev)
bench_packages=("${run_packages[@]}" postgresql libpq-dev python3-requests python3-jsonschema python3-matplotlib python3-selenium chromium chromium-driver)
lint_packages=(clang clang-format shellcheck)

case "${1:-}" in
run) wanted=("${run_packages[@]}") ;;
test) wanted=("${test_packages[@]}") ;;
gson) wanted=("${gson_packages[@]}") ;;
deb) wanted=("${deb_packages[@]}") ;;
deploy) wanted=("${deploy_packages[@]}") ;;
fuzz) wanted=("${fuzz_packages[@]}") ;;
bench) wanted=("${bench_packages[@]}") ;;
lint) wanted=("${lint_packages[@]}") ;;
*)
    echo "usage: $0 run|test|gson|deb|deploy|fuzz|bench|lint" >&2
    exit 2
    ;;
esac

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
done
# Node.js need not be Debian's.
if [ "$1" = test ] && ! command -v node >/dev/null; then
    missing+=(nodejs)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

# shellcheck source=deploy/apt.sh
. "$(dirname "$0")/apt.sh"
apt_install "${missing[@]}"
