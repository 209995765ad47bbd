#!/usr/bin/env bash
# Makes a Swarm of bare machines over ssh, or adds machines to it; safe to run again.
#   deploy/provision/provision.sh USER@FIRST USER@SECOND USER@THIRD [USER@WORKER…]
# The first three are managers and hold the stores' members. Needs ssh keys in place, sudo without a password, openssl here.
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2,4p "$0"; exit 2; }
cd "$(dirname "$0")"
mkdir -p certificates
umask 077
on() { ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new "$1" "sudo sh -ceu '$2'"; }

# Who may speak to the engines: whoever has a certificate of this authority.
sign() {  # NAME SUBJECT EXTENSIONS
    [ -s "certificates/$1.pem" ] && return
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "certificates/$1-key.pem" -subj "$2" 2>/dev/null |
        openssl x509 -req -CA certificates/ca.pem -CAkey certificates/ca-key.pem -CAcreateserial -days 825 \
            -extfile <(printf '%s\n' "$3") -out "certificates/$1.pem" 2>/dev/null
}
[ -s certificates/ca.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -keyout certificates/ca-key.pem -out certificates/ca.pem -subj "/CN=scrapr engines" 2>/dev/null
sign cert "/CN=operator" "extendedKeyUsage=clientAuth"
ln -sf cert-key.pem certificates/key.pem  # the name that Docker's client looks for

number=0
for machine in "$@"; do
    number=$((number + 1))
    host=${machine#*@}
    echo "== $machine"
    address=$(ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new "$machine" 'ip -o route get 192.0.2.1 | sed "s/.* src \([^ ]*\).*/\1/"')
    sign "$host" "/CN=$host" "extendedKeyUsage=serverAuth
subjectAltName=DNS:$host,IP:$address$([[ $host =~ ^[0-9.]+$ ]] && echo ",IP:$host")"
    on "$machine" "command -v dockerd >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables; }
        mkdir -p /etc/docker/tls /etc/systemd/system/docker.service.d"
    for pair in "ca.pem ca.pem" "$host.pem cert.pem" "$host-key.pem key.pem"; do
        ssh -o BatchMode=yes "$machine" "sudo sh -c 'umask 077; cat >/etc/docker/tls/${pair#* }'" <"certificates/${pair% *}"
    done
    on "$machine" 'printf "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H unix:///var/run/docker.sock -H tcp://0.0.0.0:2376 --tlsverify --tlscacert /etc/docker/tls/ca.pem --tlscert /etc/docker/tls/cert.pem --tlskey /etc/docker/tls/key.pem\n" >/run/scrapr.conf
        cmp -s /run/scrapr.conf /etc/systemd/system/docker.service.d/scrapr.conf || { cp /run/scrapr.conf /etc/systemd/system/docker.service.d/scrapr.conf; systemctl daemon-reload; systemctl restart docker; }
        systemctl enable --quiet docker'
    if [ $number = 1 ]; then
        first=$machine
        on "$machine" "docker info --format {{.Swarm.LocalNodeState}} | grep -q ^active || docker swarm init --advertise-addr $address >/dev/null"
        # A node that is silent for three of these is given up, and what it did is done elsewhere; the default is 5 s.
        on "$machine" "docker swarm update --dispatcher-heartbeat 2s >/dev/null"
        manager=$address
    else
        role=$([ $number -le 3 ] && echo manager || echo worker)
        token=$(on "$first" "docker swarm join-token -q $role")
        on "$machine" "docker info --format {{.Swarm.LocalNodeState}} | grep -q ^active || docker swarm join --advertise-addr $address --token $token $manager:2377"
    fi
    node=$(on "$machine" "docker info --format {{.Swarm.NodeID}}")
    if [ $number -le 3 ]; then
        on "$first" "docker node update --label-add scrapr.member-$number=true --label-add scrapr.entry=true $node >/dev/null"
    fi
done
on "$first" "docker node ls"
