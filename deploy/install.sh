#!/bin/bash -p
# Installs the gateway on Debian 12 or later, and starts it; or changes what is given of one that is
# installed. It asks nothing, says each step before it does it, and may be run again at any time.
#
#   install.sh [OPTION ...]
#
#   --dry-run                say what would be done, and change nothing
#   --package FILE           the package to install; without it, in a source folder, one is built there
#   --public-url URL         where phones and programs reach the gateway, as https://sms.example.org
#   --listen-address ADDRESS this machine's address that they come to (first: 0.0.0.0, all of them)
#   --https-port PORT        … and the port (first: 443)
#   --http-port PORT         plain HTTP on 127.0.0.1, for this machine alone (first: 8000)
#   --allowed-prefixes LIST  phone numbers that may be sent to, as "+49 +43" (first: all)
#   --tls-certificate FILE, --tls-key FILE
#                            a certificate of a public CA and its key, which may be root's alone; without
#                            them the gateway gets a CA of its own, which phones learn by their QR code
#   --help                   show this
#
# Variables of the environment with the names of the settings (PUBLIC_URL, HTTPS_PORT …) do the same.
# Everything else is set in /etc/sms-gateway/settings.env, which this leaves as it is but for those.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/installed.sh
. "$here/installed.sh"
# shellcheck source=deploy/apt.sh
. "$here/apt.sh"

given_names=(PUBLIC_URL LISTEN_ADDRESS HTTPS_PORT HTTP_PORT ALLOWED_PREFIXES TLS_CERTIFICATE TLS_KEY)
# What is neither given nor in the file is as a gateway for others wants it.
declare -A first=([LISTEN_ADDRESS]=0.0.0.0 [HTTPS_PORT]=443 [HTTP_PORT]=8000 [API_KEYS]=required
    [DEVICE_TOKENS]=required)
dry_run=no
package=
while [ $# -gt 0 ]; do
    case "$1" in
    --dry-run) dry_run=yes ;;
    --help)
        print_help
        exit 0
        ;;
    --package | --public-url | --listen-address | --https-port | --http-port | --allowed-prefixes | \
        --tls-certificate | --tls-key)
        [ $# -gt 1 ] || refuse_usage "$1 needs a value"
        name=${1#--}
        name=${name//-/_}
        case "$name" in
        package) package=$2 ;;
        *) printf -v "${name^^}" '%s' "$2" ;;
        esac
        shift
        ;;
    *) refuse_usage "there is no option $1" ;;
    esac
    shift
done

# Says what is done, and does it: step TEXT COMMAND …
step() {
    local text=$1
    shift
    if [ "$dry_run" = yes ]; then
        echo "would: $text"
    else
        echo "- $text"
        "$@"
    fi
}

# The value of a setting as the file has it, or nothing: in quotes, or up to a comment behind it.
setting_in_file() {
    [ ! -r "$settings_file" ] ||
        sed -n "s/\r\$//; s/^[[:space:]]*\(export[[:space:]]\+\)\?$1[[:space:]]*=[[:space:]]*//p" "$settings_file" |
        tail -n 1 | sed "s/^'\([^']*\)'.*/\1/; t; s/^\"\([^\"]*\)\".*/\1/; t; s/[[:space:]]\+#.*//; s/[[:space:]]*\$//"
}

# Puts a setting in the place it has in the file, also where it stands there as a comment.
write_setting() {
    local name=$1 line="$1='$2'" copy
    copy=$(mktemp "$settings_file.XXXXXX")
    chmod --reference="$settings_file" "$copy"
    chown --reference="$settings_file" "$copy"
    # Values have no quotes; awk would read a backslash of -v as the beginning of something else.
    setting=$name line=$line awk '
        $0 ~ "^[[:space:]]*#?[[:space:]]*(export[[:space:]]+)?" ENVIRON["setting"] "[[:space:]]*=" {
            if (!done) print ENVIRON["line"]; done = 1; next }
        { print }
        END { if (!done) print ENVIRON["line"] }' "$settings_file" >"$copy"
    mv "$copy" "$settings_file"
}

# ---- What cannot be ----

check_system() {
    local id='' version=''
    # shellcheck disable=SC1091
    . /etc/os-release
    id=${ID-} version=${VERSION_ID-0}
    [[ $id = debian && ${version%%.*} -ge 12 ]] ||
        refuse "this is ${PRETTY_NAME:-no Debian}, and the gateway installs on Debian 12 or later. deploy/container is for others."
    need_systemd
    [ "$dry_run" = yes ] || need_root
}

check_port() {
    local name=$1
    [[ ${!name} =~ ^[1-9][0-9]{0,4}$ && ${!name} -le 65535 ]] ||
        refuse "$name must be a port from 1 to 65535, and is \"${!name}\"."
}

check_values() {
    local name
    for name in "${given_names[@]}"; do
        [[ ${!name-} != *[\'\"$'\n']* ]] || refuse "$name may have no quotes and no line ends."
        [ -z "${!name+x}" ] || [[ $name != *_PORT ]] || check_port "$name"
    done
    [ -n "${TLS_CERTIFICATE-}" ] || [ -z "${TLS_KEY-}" ] ||
        refuse "--tls-key is of use with --tls-certificate only."
    [ -n "${TLS_CERTIFICATE-}" ] || return 0
    [ -n "${TLS_KEY-}" ] || refuse "--tls-certificate needs --tls-key, the file of its private key."
    for name in TLS_CERTIFICATE TLS_KEY; do
        [ -r "${!name}" ] || refuse "$name: the file ${!name} cannot be read."
        printf -v "$name" '%s' "$(realpath -s "${!name}")"
    done
    [ "$(openssl x509 -in "$TLS_CERTIFICATE" -noout -pubkey 2>/dev/null)" = \
        "$(openssl pkey -in "$TLS_KEY" -pubout 2>/dev/null)" ] ||
        refuse "$TLS_KEY is not the key of the certificate $TLS_CERTIFICATE."
    openssl x509 -in "$TLS_CERTIFICATE" -noout -checkend 0 >/dev/null ||
        refuse "the certificate $TLS_CERTIFICATE has ended."
}

check_package() {
    installed=$(installed_version)
    if [ -n "$package" ]; then
        package=$(realpath "$package")
        [ "$(dpkg-deb --field "$package" Package 2>/dev/null)" = sms-gateway ] ||
            refuse "$package is no package of the gateway; make deb builds one."
        wanted=$(dpkg-deb --field "$package" Version)
        [ -z "$installed" ] || [ "$installed" = "$wanted" ] ||
            refuse "version $installed is installed: upgrade.sh --package $package goes to another one."
    elif [ -z "$installed" ] && [ ! -e "$here/deb.sh" ]; then
        refuse "nothing is installed: give the package with --package FILE."
    fi
}

# Before there is a program of the gateway that could try: whether something listens there, on any address.
check_ports() {
    local name
    ! systemctl is-active --quiet sms-gateway-nginx.service || return 0
    for name in HTTPS_PORT HTTP_PORT; do
        ! awk -v port="$(printf '%04X' "${!name}")" '$4 == "0A" && $2 ~ ":" port "$" { found = 1 }
            END { exit !found }' /proc/net/tcp* ||
            refuse "port ${!name} is busy: another program has it. Stop that, or choose another one for $name."
    done
}

complete_values() {
    local name
    for name in "${!first[@]}"; do
        [ -n "${!name-}" ] || printf -v "$name" '%s' "$(setting_in_file "$name")"
        [ -n "${!name}" ] || printf -v "$name" '%s' "${first[$name]}"
    done
}

# The settings that the file has otherwise.
changed_settings() {
    local name
    for name in "${given_names[@]}" API_KEYS DEVICE_TOKENS; do
        [ -z "${!name+x}" ] || [ "$(setting_in_file "$name")" = "${!name}" ] || echo "$name"
    done
}

# ---- What is done ----

build_package() {
    make -C "${here%/*}" --no-print-directory deb
    package=${here%/*}/build/deb/sms-gateway_$(dpkg-parsechangelog -l "$here/debian/changelog" -S Version)
    package=${package}_$(dpkg --print-architecture).deb
}

install_package() {
    apt_install "$package"
    keep_package "$package"
}

write_settings() {
    local name
    for name in $(changed_settings); do
        write_setting "$name" "${!name}"
    done
    if [ -n "${TLS_CERTIFICATE-}" ]; then # no CA of our own vouches for that one
        sed -i 's/^[[:space:]]*\(export[[:space:]]\+\)\?\(TLS_CA[[:space:]]*=\)/#\2/' "$settings_file"
    fi
}

public_host() {
    local url host
    url=${PUBLIC_URL-$(setting_in_file PUBLIC_URL)}
    host=${url#*://}
    if [[ $host == \[* ]]; then
        host=${host#\[}
        echo "${host%%\]*}"
    else
        echo "${host%%:*}"
    fi
}

# Whether the gateway's own CA has to make a certificate.
wants_certificate() {
    local certificate host
    [ -z "${TLS_CERTIFICATE-}" ] || return 1
    certificate=$(setting_in_file TLS_CERTIFICATE)
    [ -z "$certificate" ] || [ "$certificate" = "$tls_folder/server.crt" ] || return 1
    host=$(public_host)
    [ -r "$tls_folder/server.crt" ] && [ -n "$certificate" ] || return 0
    [ -n "$host" ] || return 1
    ! openssl x509 -in "$tls_folder/server.crt" -noout -checkhost "$host" -checkip "$host" 2>/dev/null |
        grep -q 'does match'
}

make_certificate() {
    local host
    host=$(public_host)
    install -d -m 755 "$tls_folder"
    "$programs/lan-certificate.sh" --folder "$tls_folder" --settings "$settings_file" ${host:+"$host"}
}

start() {
    systemctl daemon-reload
    systemctl enable --quiet sms-gateway.target
    if [ "$before" = "$(settings_state)" ] || ! systemctl is-active --quiet sms-gateway.target; then
        systemctl start sms-gateway.target "${all_units[@]}" || true # what is wrong shows below
    else
        systemctl restart sms-gateway.target "${all_units[@]}" || true
    fi
    wait_for_start || {
        show_log
        refuse "the gateway does not get ready; mend what it says, and run this again."
    }
}

# What a change of leads to a restart.
settings_state() {
    { cat "$settings_file" "$tls_folder/server.crt" 2>/dev/null || true; } | sha256sum
}

create_first_key() {
    first_key=$(gateway keys create "first key" 2>/dev/null)
}

check_values
complete_values
for name in HTTPS_PORT HTTP_PORT; do
    check_port "$name"
done
[ "$HTTPS_PORT" != "$HTTP_PORT" ] || refuse "HTTPS_PORT and HTTP_PORT are the same: change one."
check_system
check_package
check_ports

if [ -n "$installed" ]; then
    echo "Version $installed is installed already."
elif [ -n "$package" ]; then
    step "install $package and what it needs; Debian's own nginx.service is left alone" install_package
else
    step "build the package in ${here%/*}, with what that needs" build_package
    step "install it and what it needs; Debian's own nginx.service is left alone" install_package
fi
before=$([ ! -e "$settings_file" ] || settings_state)
changes=$(for name in $(changed_settings); do echo "    $name=${!name}"; done)
[ -z "$changes" ] || step "write into $settings_file:"$'\n'"$changes" write_settings
if wants_certificate; then
    step "make a certificate of an own CA for this machine's names and addresses, in $tls_folder" make_certificate
fi
# What this machine has not, or another program has, is said before anything starts.
check_settings() {
    local check=--check-start
    ! systemctl is-active --quiet sms-gateway-nginx.service || check=--check-front # its ports are its own
    read_settings "$check"
}
step "check the settings, and that the ports are free" check_settings
step "enable and start sms-gateway.target, and wait until it is ready" start
step "try it out (self-test.sh)" "$programs/self-test.sh"
first_key=
if [ "$dry_run" = yes ] || ! gateway keys list | grep -q ' first key$'; then
    step "make the first API key" create_first_key
fi
[ "$dry_run" = no ] || exit 0

url=$("$programs/api-fcgi" --print-public-url) || url="(set PUBLIC_URL in $settings_file)"
cat <<END

The SMS gateway $(installed_version) serves $url  (API description: $url/docs)
END
if [ -n "$first_key" ]; then
    cat <<END

The first API key. It is shown this once:
  $first_key
END
fi
if [ -n "$TLS_CA" ]; then
    cat <<END

Programs that connect must trust its CA: $TLS_CA, or $url/ca.crt if its SHA-256 is
  $(openssl x509 -in "$TLS_CA" -outform DER | sha256sum | cut -d' ' -f1)
END
fi
cat <<END

What comes next:
  pair a phone     sudo sms-gateway devices pair
  send             curl ${TLS_CA:+--cacert $TLS_CA }-H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\
                     -d '{"phone_number": "+1234567890", "message": "Hello"}' $url/api/send-sms
  more keys        sudo sms-gateway keys create NAME
  watch            journalctl -fu 'sms-gateway-*'
  settings         $settings_file; then sudo systemctl restart sms-gateway.target
  another version  sudo $programs/upgrade.sh --package FILE
END
