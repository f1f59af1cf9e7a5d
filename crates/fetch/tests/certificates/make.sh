#!/bin/sh
# Makes the certificates of the tests, valid from 2020 to 2120: an authority, a server that it vouches for as 127.0.0.1
# and localhost, one that it vouches for under another name, and a second authority that vouches for nobody.
# The keys protect nothing: the server lives inside the tests.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
cd "$work"
cat > ca.cnf << 'END'
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
END
: > index

sign() { # file, extensions, further options
    name=$1
    printf '%b' "$2" > "$name.ext"
    shift 2
    openssl ca -batch -notext -config ca.cnf -in "$name.csr" -out "$name.pem" -extfile "$name.ext" \
        -startdate 20200101000000Z -enddate 21200101000000Z "$@"
}

request() { # file, name
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
}

for name in authority stranger; do
    request "$name" "The tests: $name"
    sign "$name" 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' -selfsign -keyfile "$name.key"
done
leaf='basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n'
request here here
sign here "subjectAltName=IP:127.0.0.1,DNS:localhost\n$leaf" -cert authority.pem -keyfile authority.key
request elsewhere elsewhere
sign elsewhere "subjectAltName=DNS:elsewhere.invalid\n$leaf" -cert authority.pem -keyfile authority.key

cp authority.pem stranger.pem here.pem here.key elsewhere.pem elsewhere.key "$here"
rm -r "$work"
