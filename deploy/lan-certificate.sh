#!/bin/bash -p
# Makes a certificate for a gateway without a public name, and the CA that vouches for it:
#   lan-certificate.sh [--folder FOLDER] [--settings FILE] [--ca-key FILE] [--key FILE] [NAME-OR-ADDRESS ...]
# It is for this machine's names and addresses of today, and for those named, now or before. Again, it
# renews the certificate and keeps the CA, so that phones stay connected. In FOLDER (data/tls):
#   ca.crt, ca.key           the CA, for twenty years; whoever has ca.key can pass for the gateway
#   server.crt, server.key   the certificate, for 397 days, as browsers want it
#   names                    what was named; take out what is no longer true
# --ca-key and --key say where ca.key and server.key are instead: nobody but this script needs the first, and
# only nginx the second.
# FILE (.env) gets TLS_CERTIFICATE, TLS_KEY and TLS_CA if it has none of them.
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
        echo "There is no option $1: --folder, --settings, --ca-key and --key are all there are." >&2
        exit 2
        ;;
    esac
    shift 2
done
: "${ca_key:=$folder/ca.key}" "${key:=$folder/server.key}"
ca_days=7305
server_days=397

is_address() {
    [[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ || ($1 =~ ^[0-9A-Fa-f:.]+$ && $1 == *:*) ]]
}

is_name() {
    [[ ${#1} -le 253 && $1 =~ ^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$ ]]
}

for path in "$folder" "$ca_key" "$key"; do
    [[ $path != *[\'\"\$\\$'\n']* && $path != '~'* ]] || { # as a path of the settings must be
        echo "The folder $path cannot be used: give one without quotes, \$ and \\ in its name." >&2
        exit 2
    }
done
for word; do
    is_address "$word" || is_name "$word" || {
        echo "$word is no name and no address: give them as sms.lan or 192.168.1.5, without https:// and port." >&2
        exit 2
    }
done

[ -d "${folder%/*}" ] || mkdir -m 770 "${folder%/*}" # as the gateway makes data/
mkdir -p "$folder"
chmod 755 "$folder" # the certificates in it are public
work=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$work" "$ca_key.new" "$key.new"' EXIT # a key is made where it stays: others may look into FOLDER
for pair in "$folder/ca.key=$ca_key" "$folder/server.key=$key"; do # where they were before
    [ -e "${pair#*=}" ] || [ ! -e "${pair%%=*}" ] || mv "${pair%%=*}" "${pair#*=}"
done

cat "$folder/names" >"$work/names" 2>/dev/null || true
for word; do
    grep -Fxq -- "$word" "$work/names" || echo "$word" >>"$work/names"
done

# localhost, the machine's names and addresses, and what was named; each once.
subject_names() {
    local host word
    host=$(hostname)
    {
        echo localhost
        echo 127.0.0.1
        echo ::1
        echo "$host"
        echo "${host%%.*}.local" # as mDNS has it
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
    echo "Made a CA: $folder/ca.crt; keep a copy of $ca_key where nobody else comes."
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
echo "Made a certificate: $folder/server.crt, until $(openssl x509 -noout -enddate -in "$folder/server.crt" | cut -d= -f2), for"
echo "  ${names//,/ }"

# As the file takes it: in quotes where there is anything but letters, figures and the common signs.
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
    echo "NOTE: $settings_file has other TLS settings, which stay. For this certificate they must be:"
    printf '  %s\n' "${settings[@]}"
fi
if [ "$settings_file" = .env ]; then
    echo "A gateway that runs with it takes the new one by: kill -HUP \$(cat run/nginx.pid)"
fi
echo "SHA-256 of the CA's certificate, which phones compare:"
echo "  $(openssl x509 -in "$folder/ca.crt" -outform DER | sha256sum | cut -d' ' -f1)"
