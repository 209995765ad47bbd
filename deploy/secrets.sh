#!/usr/bin/env bash
# Makes what is missing of the cluster's secrets in deploy/secrets: random, with nothing to choose. What is there stays.
# A certificate of one's own: put it into tls_certificate and tls_key before; else one is made that signs itself, for NAME.
#   deploy/secrets.sh [NAME]          (SECRETS=folder: there)
set -euo pipefail
umask 077
folder=${SECRETS:-$(dirname "$0")/secrets}
mkdir -p "$folder"
cd "$folder"
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { [ -s "$1" ] || { cat >"$1.new" && mv "$1.new" "$1"; }; }

head -c 512 /dev/urandom | base64 -w 0 | keep mongo_key
random | keep mongo_password
random | keep redis_password
random | keep web_token
random | keep grafana_password
keep mongo_url <<<"mongodb://scrapr:$(cat mongo_password)@mongo-1:27017,mongo-2:27017,mongo-3:27017/?replicaSet=scrapr&authSource=admin"
keep redis_url <<<"redis://:$(cat redis_password)@redis-1:6379"
keep consul_key <<<"{\"encrypt\": \"$(head -c 32 /dev/urandom | base64 -w 0)\"}"
if ! [ -s tls_certificate ] || ! [ -s tls_key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -keyout tls_key -out tls_certificate \
        -subj "/CN=${1:-localhost}" -addext "subjectAltName=DNS:${1:-localhost},IP:127.0.0.1" 2>/dev/null
fi
ls -l
