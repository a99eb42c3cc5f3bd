# Tunnels at work: client gp-c1, server in gp-net, through the resolver; sourced by record.sh.

# `ip address show` succeeds without a match too.
has_address() { in_ns "$1" ip -o address show to "$2" up | grep -q .; }

# iodine_up TYPE: brings a tunnel up, DNS only (-r keeps it from falling back to raw UDP).
iodine_up() {
    start iodined net iodined -f -c -P lab-secret -l 198.51.100.20 10.99.0.1/24 t.tunnel-lab.net
    until_true 20 has_address net 10.99.0.1
    start iodine c1 iodine -f -r -P lab-secret -T "$1" -d gpt0 "$RESOLVER" t.tunnel-lab.net
    until_true 60 has_address c1 10.99.0.0/24
}

iodine_down() {
    stop iodine
    stop inner
    stop iodined
}

iodine_moves() { # iodine_moves TYPE OCTETS
    iodine_up "$1"
    start inner net python3 "$LAB/transfer.py" serve 10.99.0.1 9000
    until_true 20 in_ns net sh -c 'ss -Hlnt "sport = :9000" | grep -q .'
    timeout 240 ip netns exec gp-c1 python3 "$LAB/transfer.py" send 10.99.0.1 9000 "$2"
    iodine_down
}

iodine_idles() { # iodine_idles SECONDS: keep-alives and nothing else
    iodine_up NULL
    read -rt "$1" <> <(:) || true
    iodine_down
}

dns2tcp_moves() { # dns2tcp_moves TYPE OCTETS
    cat >"$WORK/dns2tcpd.conf" <<CONF
listen = 198.51.100.30
port = 53
user = nobody
chroot = /tmp
domain = d.courier-lab.org
key = lab-secret
resources = sink:127.0.0.1:9001
CONF
    start dns2tcpd net dns2tcpd -F -f "$WORK/dns2tcpd.conf"
    until_true 20 in_ns net sh -c 'ss -Hlnu "src 198.51.100.30" | grep -q .'
    start dns2tcpc c1 dns2tcpc -z d.courier-lab.org -k lab-secret -r sink -l 2222 -T "$1" "$RESOLVER"
    until_true 30 in_ns c1 sh -c 'ss -Hlnt "sport = :2222" | grep -q .'
    timeout 240 ip netns exec gp-c1 python3 "$LAB/transfer.py" send 127.0.0.1 2222 "$2"
    stop dns2tcpc
    stop dns2tcpd
}
