#!/bin/bash -p
# Installs the gateway on Debian 12 or later and starts it, or changes the given settings of an installed one.
# It asks no questions, names each step before it does it, and can be run again at any time.
#
#   install.sh [OPTION ...]
#
#   --dry-run                print the steps, and change nothing
#   --package FILE           package to install (default in a source folder: build one)
#   --database-url URL       database, like postgresql://gateway@db.example.org/sms?passfile=FILE, instead of a file of this
#                            machine; the package sms-gateway-postgresql must be next to the other one
#   --node-name NAME         with PostgreSQL the name of this host among the others (default: the host's name)
#   --public-url URL         URL for phones and clients, like https://sms.example.org
#   --listen-address ADDRESS address of this machine to listen on (default: 0.0.0.0, all IPv4 addresses)
#   --https-port PORT        port of TLS (default: 443)
#   --http-port PORT         port of plain HTTP on 127.0.0.1, for this machine only (default: 8000)
#   --allowed-prefixes LIST  phone number prefixes to allow, like "+49 +43" (default: all)
#   --tls-certificate FILE, --tls-key FILE
#                            certificate of a public CA and its key, which may be readable by root only
#                            (default: a CA of the gateway's own, which phones learn from the QR code)
#   --help                   print this help
#
# Environment variables with the names of the settings (PUBLIC_URL, HTTPS_PORT …) do the same.
# Other settings are in /etc/sms-gateway/settings.env; this script changes only those above.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/installed.sh
. "$here/installed.sh"
# shellcheck source=deploy/apt.sh
. "$here/apt.sh"

given_names=(PUBLIC_URL LISTEN_ADDRESS HTTPS_PORT HTTP_PORT ALLOWED_PREFIXES TLS_CERTIFICATE TLS_KEY DATABASE_URL NODE_NAME)
# Defaults of an installation, for settings that are neither given nor in the file.
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
        --tls-certificate | --tls-key | --database-url | --node-name)
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

# step TEXT COMMAND …: prints the text and runs the command; with --dry-run only prints.
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

# write_setting FILE NEW NAME VALUE: copies FILE to NEW with the line of a setting replaced, also one that is commented out;
# else appended.
write_setting() {
    local name=$3 line="$3='$4'"
    # Values have no quotes. By the environment, because awk -v expands backslashes.
    setting=$name line=$line awk '
        $0 ~ "^[[:space:]]*#?[[:space:]]*(export[[:space:]]+)?" ENVIRON["setting"] "[[:space:]]*=" {
            if (!done) print ENVIRON["line"]; done = 1; next }
        { print }
        END { if (!done) print ENVIRON["line"] }' "$1" >"$2"
}

# ---- Checks ----

check_system() {
    local id='' version=''
    # shellcheck disable=SC1091
    . /etc/os-release
    id=${ID-} version=${VERSION_ID-0}
    [[ $id = debian && ${version%%.*} -ge 12 ]] ||
        refuse "this is ${PRETTY_NAME:-not Debian}; the gateway needs Debian 12 or later. For other systems see deploy/container."
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
        [[ ${!name-} != *[\'\"$'\n']* ]] || refuse "$name must not contain quotes or line ends."
        [ -z "${!name+x}" ] || [[ $name != *_PORT ]] || check_port "$name"
    done
    [ -n "${TLS_CERTIFICATE-}" ] || [ -z "${TLS_KEY-}" ] ||
        refuse "--tls-key needs --tls-certificate."
    [ -n "${TLS_CERTIFICATE-}" ] || return 0
    [ -n "${TLS_KEY-}" ] || refuse "--tls-certificate needs --tls-key, the file with its private key."
    for name in TLS_CERTIFICATE TLS_KEY; do
        [ -r "${!name}" ] || refuse "$name: cannot read the file ${!name}."
        printf -v "$name" '%s' "$(realpath -s "${!name}")"
    done
    [ "$(openssl x509 -in "$TLS_CERTIFICATE" -noout -pubkey 2>/dev/null)" = \
        "$(openssl pkey -in "$TLS_KEY" -pubout 2>/dev/null)" ] ||
        refuse "$TLS_KEY is not the private key of the certificate $TLS_CERTIFICATE."
    openssl x509 -in "$TLS_CERTIFICATE" -noout -checkend 0 >/dev/null ||
        refuse "the certificate $TLS_CERTIFICATE has expired."
}

check_package() {
    installed=$(installed_version)
    if [ -n "$package" ]; then
        package=$(realpath "$package")
        [ "$(dpkg-deb --field "$package" Package 2>/dev/null)" = sms-gateway ] ||
            refuse "$package is not a package of the gateway; 'make deb' builds one."
        wanted=$(dpkg-deb --field "$package" Version)
        [ -z "$installed" ] || [ "$installed" = "$wanted" ] ||
            refuse "version $installed is installed; to change the version: upgrade.sh --package $package"
    elif [ -z "$installed" ] && [ ! -e "$here/deb.sh" ]; then
        refuse "the gateway is not installed: give its package with --package FILE."
    fi
}

# The package with PostgreSQL that is to be installed; empty if none is.
check_postgresql() {
    local beside=$package
    postgresql=
    DATABASE_URL=${DATABASE_URL-$(setting_in_file DATABASE_URL)}
    uses_postgresql && ! has_postgresql || return 0
    [ -n "$beside" ] || beside=$(kept_package "$installed")
    if [ -e "$beside" ]; then
        postgresql=$(postgresql_package "$beside")
        [ -r "$postgresql" ] || refuse "$postgresql is missing, and DATABASE_URL needs it: 'make deb' builds both packages."
    elif [ -z "$installed" ]; then
        postgresql=built
    else
        refuse "DATABASE_URL needs the package sms-gateway-postgresql of version $installed: give --package FILE, with that one next to it."
    fi
}

# Whether another program listens on a port, on any address. The gateway's own check needs an installed program.
check_ports() {
    local name
    ! systemctl is-active --quiet sms-gateway-nginx.service || return 0
    for name in HTTPS_PORT HTTP_PORT; do
        ! awk -v port="$(printf '%04X' "${!name}")" '$4 == "0A" && $2 ~ ":" port "$" { found = 1 }
            END { exit !found }' /proc/net/tcp* ||
            refuse "port ${!name} is in use by another program. Stop that program, or choose another port for $name."
    done
}

complete_values() {
    local name
    for name in "${!first[@]}"; do
        [ -n "${!name-}" ] || printf -v "$name" '%s' "$(setting_in_file "$name")"
        [ -n "${!name}" ] || printf -v "$name" '%s' "${first[$name]}"
    done
}

# The given settings that differ from the file.
changed_settings() {
    local name
    for name in "${given_names[@]}" API_KEYS DEVICE_TOKENS; do
        [ -z "${!name+x}" ] || [ "$(setting_in_file "$name")" = "${!name}" ] || echo "$name"
    done
}

# ---- Steps ----

build_package() {
    make -C "${here%/*}" --no-print-directory deb
    package=${here%/*}/build/deb/sms-gateway_$(dpkg-parsechangelog -l "$here/debian/changelog" -S Version)
    package=${package}_$(dpkg --print-architecture).deb
    [ "$postgresql" != built ] || postgresql=$(postgresql_package "$package")
}

install_package() {
    apt_install "$package" ${postgresql:+"$postgresql"}
    keep_package "$package"
}

install_postgresql() {
    apt_install "$postgresql"
}

# A running gateway would not start again with settings that are not valid, so they are checked before they are written.
write_settings() {
    local name file work later=()
    file=$(realpath "$settings_file") # it may be a link
    work=$(mktemp -d "$file.XXXXXX")
    cp -p "$file" "$work/settings.env"
    for name in $(changed_settings); do
        write_setting "$work/settings.env" "$work/new" "$name" "${!name}"
        cat "$work/new" >"$work/settings.env" # which keeps its owner and mode
    done
    if [ -n "${TLS_CERTIFICATE-}" ]; then # the gateway's own CA did not issue it
        sed -i 's/^[[:space:]]*\(export[[:space:]]\+\)\?\(TLS_CA[[:space:]]*=\)/#\2/' "$work/settings.env"
    fi
    ! wants_certificate || later=(TLS_CERTIFICATE= TLS_KEY= TLS_CA= PLAIN_HTTP=everywhere) # which is made next
    env "${later[@]}" "$programs/api-fcgi" --env-file "$work/settings.env" --check-front >/dev/null || {
        rm -r "$work"
        refuse "the settings would not be valid, so $settings_file is as it was."
    }
    mv "$work/settings.env" "$file"
    rm -r "$work"
}

# The units have no network but their sockets, and the timer backs up a file.
fit_units() {
    local unit folder
    for unit in "${program_units[@]}"; do
        folder=/etc/systemd/system/$unit.d
        rm -f "$folder/postgresql.conf"
        uses_network_for_database || continue
        install -d -m 755 "$folder"
        printf '%s\n' "# install.sh has written this, because DATABASE_URL names a server on the network." "[Service]" \
            PrivateNetwork=no "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK" IPAddressDeny= >"$folder/postgresql.conf"
    done
    if uses_postgresql; then
        systemctl mask --quiet --now sms-gateway-backup.timer
    else
        systemctl unmask --quiet sms-gateway-backup.timer
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

# Whether the gateway's own CA has to issue a certificate.
wants_certificate() {
    local certificate host
    [ -z "${TLS_CERTIFICATE-}" ] || return 1
    certificate=$(setting_in_file TLS_CERTIFICATE)
    [ -z "$certificate" ] || [ "$certificate" = "$tls_folder/server.crt" ] || return 1
    host=$(public_host)
    [ -r "$tls_folder/server.crt" ] && [ -n "$certificate" ] || return 0
    [ -n "$host" ] || return 1
    ! grep -q 'does match' <<<"$(openssl x509 -in "$tls_folder/server.crt" -noout -checkhost "$host" -checkip "$host" 2>/dev/null)"
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
        systemctl start sms-gateway.target "${all_units[@]}" || true # wait_for_start finds failures
    else
        systemctl restart sms-gateway.target "${all_units[@]}" || true
    fi
    wait_for_start || {
        show_log
        refuse "the gateway did not become ready; fix the errors above and run this script again."
    }
}

# A restart is needed when this changes.
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
[ "$dry_run" = yes ] || only_one
check_package
check_postgresql
check_ports

if [ -n "$installed" ]; then
    echo "Version $installed is already installed."
    [ -z "$postgresql" ] || step "install $postgresql and its dependencies" install_postgresql
elif [ -n "$package" ]; then
    step "install $package and its dependencies; Debian's own nginx.service is not changed" install_package
else
    step "build the package in ${here%/*}, and install the build dependencies" build_package
    step "install it and its dependencies; Debian's own nginx.service is not changed" install_package
fi
before=$([ ! -e "$settings_file" ] || settings_state)
changes=$(for name in $(changed_settings); do echo "    $name=${!name}"; done)
[ -z "$changes" ] || step "write into $settings_file:"$'\n'"$changes" write_settings
if uses_postgresql; then
    step "let the programs reach the database, and stop the backups of a file" fit_units
elif [ "$dry_run" = no ]; then
    fit_units
fi
if wants_certificate; then
    step "make a CA and a certificate for this machine's names and addresses, in $tls_folder" make_certificate
fi
# Finds missing addresses and used ports before anything starts.
check_settings() {
    local check=--check-start
    ! systemctl is-active --quiet sms-gateway-nginx.service || check=--check-front # the gateway itself uses the ports
    read_settings "$check"
}
step "check the settings, and that the ports are free" check_settings
step "enable and start sms-gateway.target, and wait until it is ready" start
step "run the self-test (self-test.sh)" "$programs/self-test.sh"
first_key=
if [ "$dry_run" = yes ] || ! grep -q ' first key$' <<<"$(gateway keys list)"; then
    step "create the first API key" create_first_key
fi
[ "$dry_run" = no ] || exit 0

url=$("$programs/api-fcgi" --print-public-url) || url="(set PUBLIC_URL in $settings_file)"
cat <<END

The SMS gateway $(installed_version) serves $url  (the dashboard; API description: $url/docs)
END
if [ -n "$first_key" ]; then
    cat <<END

The first API key, shown only once:
  $first_key
END
fi
if [ -n "$TLS_CA" ]; then
    cat <<END

Clients must trust the gateway's CA: $TLS_CA, or $url/ca.crt if its SHA-256 is
  $(openssl x509 -in "$TLS_CA" -outform DER | sha256sum | cut -d' ' -f1)
END
fi
cat <<END

Next steps:
  pair a phone     sudo sms-gateway devices pair
  send an SMS      curl ${TLS_CA:+--cacert $TLS_CA }-H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\
                     -d '{"phone_number": "+1234567890", "message": "Hello"}' $url/api/send-sms
  more keys        sudo sms-gateway keys create NAME
  follow the log   journalctl -fu 'sms-gateway-*'
  change settings  $settings_file; then sudo systemctl restart sms-gateway.target
  upgrade          sudo $programs/upgrade.sh --package FILE
END
