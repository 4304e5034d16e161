#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a certificate authority and one host certificate per node for mutual TLS between daemons.
#
# usage: make-certs.sh DIR NODE[=DNS,...]...
#   DIR/ca.crt, DIR/ca.key      the authority: made when DIR has none, else used again
#   DIR/NODE.crt, DIR/NODE.key  the host: its subject alternative names are the node id (URI:netmsg:node:<32 hex digits>,
#                               drawn at random here and constant for the life of the certificate), DNS:NODE, and each
#                               further DNS name given after "="
# A daemon takes them as --tls-cert DIR/NODE.crt --tls-key DIR/NODE.key --tls-ca DIR/ca.crt. Hand a host its own two
# files and ca.crt; ca.key stays where certificates are made. Nothing is ever overwritten: a host certificate that exists
# is an error, told before anything is made.
set -euo pipefail
umask 077

readonly days_ca=3650 days_host=825

die() {
  echo "make-certs: $*" >&2
  exit 1
}

# A NODE or DNS name becomes part of a file name and of an openssl list, so only the characters of host names pass.
check_name() {
  [[ $1 =~ ^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$ ]] || die "'$1' is no host name"
}

check_request() {
  local node=${1%%=*} name
  local -a names=()
  check_name "$node"
  [[ $node != ca ]] || die "'ca' names the authority, not a node"
  [[ ! -e $dir/$node.crt && ! -e $dir/$node.key ]] || die "$dir/$node.crt or its key exists; it is not overwritten"
  [[ $1 != *=* ]] || IFS=, read -r -a names <<<"${1#*=}"
  for name in "${names[@]}"; do check_name "$name"; done
}

new_key() {
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

make_authority() {
  new_key "$dir/ca.key"
  openssl req -x509 -new -key "$dir/ca.key" -sha256 -days "$days_ca" -subj "/CN=netmsg CA" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -out "$dir/ca.crt"
  chmod 0644 "$dir/ca.crt"
}

# alternative_names NODE[=DNS,...]: the value of subjectAltName.
alternative_names() {
  local node=${1%%=*} more=""
  [[ $1 != *=* ]] || more=${1#*=}
  printf 'URI:netmsg:node:%s,DNS:%s' "$(openssl rand -hex 16)" "$node"
  [[ -z $more ]] || printf ',DNS:%s' "${more//,/,DNS:}"
}

# A host is a server to those who dial it and a client to those it dials: both extended usages.
make_host() {
  local node=${1%%=*}
  made=$(mktemp -d "$dir/.make.XXXXXXXX")
  new_key "$made/key"
  openssl req -new -key "$made/key" -subj "/CN=$node" -out "$made/request"
  {
    echo "basicConstraints=critical,CA:FALSE"
    echo "keyUsage=critical,digitalSignature"
    echo "extendedKeyUsage=serverAuth,clientAuth"
    echo "subjectAltName=$(alternative_names "$1")"
  } >"$made/extensions"
  openssl x509 -req -in "$made/request" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -sha256 -days "$days_host" -extfile "$made/extensions" -out "$made/crt" 2>/dev/null
  chmod 0644 "$made/crt"
  mv -n "$made/key" "$dir/$node.key"
  mv -n "$made/crt" "$dir/$node.crt"
  rm -rf "$made"
}

# Where a host's files are made before they get their names; a failure on the way leaves nothing of it behind.
made=
trap '[[ -z $made ]] || rm -rf "$made"' EXIT

[[ $# -ge 2 ]] || die "usage: make-certs.sh DIR NODE[=DNS,...]..."
dir=$1
shift
for request in "$@"; do check_request "$request"; done
mkdir -p "$dir"
if [[ ! -e $dir/ca.crt && ! -e $dir/ca.key ]]; then
  make_authority
fi
[[ -r $dir/ca.crt && -r $dir/ca.key ]] || die "$dir holds only half an authority (ca.crt, ca.key)"
for request in "$@"; do
  make_host "$request"
  echo "make-certs: $dir/${request%%=*}.crt"
done
