#!/bin/bash -p
# Makes a CA and a certificate for a gateway without a public name:
#   lan-certificate.sh [--folder FOLDER] [--settings FILE] [--ca-key FILE] [--key FILE] [NAME-OR-ADDRESS ...]
# The certificate is valid for this machine's current names and addresses, and for those given now or in earlier runs.
# Another run renews the certificate and keeps the CA, so that phones still trust it. Files in FOLDER (data/tls):
#   ca.crt, ca.key           the CA, valid for twenty years; anyone with ca.key can impersonate the gateway
#   server.crt, server.key   the certificate, valid for 397 days, the most that browsers accept
#   names                    the given names; remove those that are no longer true
# --ca-key and --key choose other paths for ca.key and server.key: only this script needs the first, only nginx the second.
# Adds TLS_CERTIFICATE, TLS_KEY and TLS_CA to FILE (.env) if it has none of them.
set -euo pipefail
umask 077

# shellcheck source=deploy/shell.sh
. "$(dirname "$0")/shell.sh"

folder=data/tls
settings_file=.env
ca_key=
key=
while [[ ${1-} == --* ]]; do
    case "$1" in
    --folder) folder=${2:?"--folder needs a folder"} ;;
    --settings) settings_file=${2:?"--settings needs a file"} ;;
    --ca-key) ca_key=${2:?"--ca-key needs a file"} ;;
    --key) key=${2:?"--key needs a file"} ;;
    *)
        echo "There is no option $1; the options are --folder, --settings, --ca-key and --key." >&2
        exit 2
        ;;
    esac
    shift 2
done
: "${ca_key:=$folder/ca.key}" "${key:=$folder/server.key}"
for name in folder ca_key key settings_file; do # a path is no option of a command
    [[ ${!name} != -* ]] || printf -v "$name" ./%s "${!name}"
done
ca_days=7305
server_days=397

is_address() {
    [[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ || ($1 =~ ^[0-9A-Fa-f:.]+$ && $1 == *:*) ]]
}

is_name() {
    [[ ${#1} -le 253 && $1 =~ ^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$ ]]
}

for path in "$folder" "$ca_key" "$key"; do
    [[ $path != *[\'\"\$\\$'\n']* && $path != '~'* ]] || { # the rules for a path in the settings
        echo "The path $path cannot be used: it must not contain quotes, \$ or \\." >&2
        exit 2
    }
done
for word; do
    is_address "$word" || is_name "$word" || {
        echo "$word is neither a name nor an address: use the form sms.lan or 192.168.1.5, without https:// and port." >&2
        exit 2
    }
done

[ -d "${folder%/*}" ] || mkdir -m 770 "${folder%/*}" || [ -d "${folder%/*}" ] # the mode of data/; another run may be first
mkdir -p "$folder"
chmod 755 "$folder" # the certificates in it are public
exec {lock}<"$folder"
flock "$lock" # one after another: each would make a CA
work=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$work" "$ca_key.new" "$key.new"' EXIT # a key is created in its own folder: others may read FOLDER
for pair in "$folder/ca.key=$ca_key" "$folder/server.key=$key"; do # move keys from their former place
    [ -e "${pair#*=}" ] || [ ! -e "${pair%%=*}" ] || mv "${pair%%=*}" "${pair#*=}"
done

if [ -e "$folder/ca.crt" ] && [ ! -e "$ca_key" ]; then # with a new CA no phone would trust the gateway
    echo "$ca_key is missing: the key of the CA $folder/ca.crt, which phones and clients trust. Put it back, or give its path" >&2
    echo "with --ca-key FILE. For a new CA, which all of them must learn anew, remove $folder/ca.crt." >&2
    exit 1
fi

cat "$folder/names" >"$work/names" 2>/dev/null || true
for word; do
    grep -Fxq -- "$word" "$work/names" || echo "$word" >>"$work/names"
done

# localhost, the machine's names and addresses, and the given ones; each once.
subject_names() {
    local host word
    host=$(hostname)
    {
        echo localhost
        echo 127.0.0.1
        echo ::1
        echo "$host"
        echo "${host%%.*}.local" # the mDNS name
        hostname -f 2>/dev/null || true
        hostname -I 2>/dev/null | tr ' ' '\n' || true
        cat "$work/names"
    } | sed 's/[[:space:]]//g; /^$/d' | sort -u | while read -r word; do
        if is_address "$word"; then
            echo "IP:$word"
        elif is_name "$word"; then
            echo "DNS:$word"
        fi
    done | paste -sd,
}

new_key() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

if [ ! -e "$ca_key" ] || [ ! -e "$folder/ca.crt" ]; then
    new_key "$ca_key.new"
    openssl req -x509 -new -sha256 -key "$ca_key.new" -days "$ca_days" -out "$work/ca.crt" \
        -subj "/CN=SMS gateway CA of $(hostname | cut -c1-40)" -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
    chmod 644 "$work/ca.crt"
    mv "$ca_key.new" "$ca_key"
    mv "$work/ca.crt" "$folder/ca.crt"
    echo "Made a CA: $folder/ca.crt. Keep a copy of $ca_key in a safe place."
fi

names=$(subject_names)
new_key "$key.new"
openssl req -new -sha256 -key "$key.new" -subj "/CN=SMS gateway" -out "$work/server.csr" \
    -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n')
openssl x509 -req -sha256 -in "$work/server.csr" -CA "$folder/ca.crt" -CAkey "$ca_key" -days "$server_days" \
    -set_serial "0x$(openssl rand -hex 16 | sed 's/^./4/')" -out "$work/server.crt" -extfile <(
        echo "basicConstraints=critical,CA:FALSE"
        echo "keyUsage=critical,digitalSignature"
        echo "extendedKeyUsage=serverAuth"
        echo "subjectKeyIdentifier=hash"
        echo "authorityKeyIdentifier=keyid"
        echo "subjectAltName=$names"
    ) 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
}
openssl verify -purpose sslserver -x509_strict -CAfile "$folder/ca.crt" "$work/server.crt" >/dev/null
chmod 644 "$work/server.crt" "$work/names"
mv "$work/names" "$folder/names"
mv "$key.new" "$key"
mv "$work/server.crt" "$folder/server.crt"
echo "Made a certificate: $folder/server.crt, valid until $(openssl x509 -noout -enddate -in "$folder/server.crt" | cut -d= -f2), for"
echo "  ${names//,/ }"

# A line of the settings file; the value is in quotes unless it has only letters, digits and common signs.
line() {
    if [[ $2 =~ ^[A-Za-z0-9/_.,:+-]+$ ]]; then
        echo "$1=$2"
    else
        echo "$1='$2'"
    fi
}

settings=("$(line TLS_CERTIFICATE "$folder/server.crt")" "$(line TLS_KEY "$key")" "$(line TLS_CA "$folder/ca.crt")")
if ! grep -aEqs $'^(\xef\xbb\xbf)?[[:space:]]*(export[[:space:]]+)?TLS_(CERTIFICATE|KEY|CA)[[:space:]]*=' "$settings_file"; then
    [ ! -s "$settings_file" ] || [ -z "$(tail -c 1 "$settings_file")" ] || echo >>"$settings_file"
    printf '%s\n' "${settings[@]}" >>"$settings_file"
    echo "Added TLS_CERTIFICATE, TLS_KEY and TLS_CA to $settings_file. LISTEN_ADDRESS=0.0.0.0 there lets other machines connect."
elif ! grep -aFq -- "$folder/server.crt" "$settings_file"; then
    echo "NOTE: $settings_file has other TLS settings, which are not changed. For this certificate they must be:"
    printf '  %s\n' "${settings[@]}"
fi
if [ "$settings_file" = .env ]; then
    echo "A running gateway loads the new certificate after: kill -HUP \$(cat run/nginx.pid)"
fi
echo "SHA-256 of the CA's certificate, which phones compare:"
echo "  $(openssl x509 -in "$folder/ca.crt" -outform DER | sha256sum | cut -d' ' -f1)"
