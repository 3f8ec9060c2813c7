#!/usr/bin/env bash
# Installs the Debian packages that are missing: dependencies.sh run|test|fuzz|bench|lint
# Says what it does, and asks for root only through sudo.
set -euo pipefail

run_packages=(gcc libc6-dev make curl nginx openssl python3 python3-yaml
    libfcgi-dev libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libsqlite3-dev libcjson-dev uuid-dev libssl-dev
    libqrencode-dev libcurl4-openssl-dev)
test_packages=("${run_packages[@]}" libcmocka-dev fiu-utils faketime spin chromium chromium-driver shellcheck
    strace systemd prometheus
    python3-pytest python3-pytest-xdist python3-requests python3-websockets python3-jsonschema
    python3-selenium zbar-tools)
fuzz_packages=("${run_packages[@]}" clang libclang-rt-14-dev)
bench_packages=("${run_packages[@]}" python3-requests python3-jsonschema python3-matplotlib)
lint_packages=(clang clang-format shellcheck)

case "${1:-}" in
run) wanted=("${run_packages[@]}") ;;
test) wanted=("${test_packages[@]}") ;;
fuzz) wanted=("${fuzz_packages[@]}") ;;
bench) wanted=("${bench_packages[@]}") ;;
lint) wanted=("${lint_packages[@]}") ;;
*)
    echo "usage: $0 run|test|fuzz|bench|lint" >&2
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
# npm may also come from elsewhere than from Debian.
if [ "$1" != lint ] && ! command -v npm >/dev/null; then
    missing+=(npm)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
        echo "These packages are missing, and there is no sudo to install them with. As root, run:" >&2
        echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi
echo "Installing with apt-get${as_root[0]:+, as root through sudo}: ${missing[*]}"

# Debian starts these as soon as they are installed: nginx on port 80, Prometheus on 9090. Nobody asked for
# that: the gateway runs an nginx of its own, and of Prometheus the tests want promtool alone.
guard=/usr/sbin/policy-rc.d
guarded=no
services=()
for package in "${missing[@]}"; do
    case "$package" in
    nginx) services+=(nginx.service) ;;
    prometheus) services+=(prometheus.service) ;;
    esac
done
if [ ${#services[@]} -gt 0 ] && [ ! -e "$guard" ]; then
    guarded=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" >/dev/null
    "${as_root[@]}" chmod 755 "$guard"
fi
unguard() {
    [ "$guarded" = no ] || "${as_root[@]}" rm -f "$guard"
}
trap unguard EXIT

"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
if [ "$guarded" = yes ] && command -v systemctl >/dev/null; then
    for service in "${services[@]}"; do
        "${as_root[@]}" systemctl disable --quiet "$service" 2>/dev/null || continue
        echo "The service $service of Debian was not started and is disabled."
    done
fi
