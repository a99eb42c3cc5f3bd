# Tunnels at work: client gp-c1, server in gp-net, through the resolver; sourced by record.sh.

# `ip address show` succeeds without a match too.
has_address() { in_ns "$1" ip -o address show to "$2" up | grep -q .; }

# iodine_up TYPE [OPTION…]: brings a tunnel up, DNS only unless RAW is set (-r keeps it from raw UDP).
iodine_up() {
    start iodined net iodined -f -c -m "${MTU:-1130}" -P lab-secret -l 198.51.100.20 10.99.0.1/24 t.tunnel-lab.net
    until_true 20 has_address net 10.99.0.1
    local -a how=(-r)
    [ -z "${RAW:-}" ] || how=()
    start iodine c1 iodine -f "${how[@]}" -P lab-secret -T "$1" "${@:2}" -d gpt0 "$RESOLVER" t.tunnel-lab.net
    until_true 60 has_address c1 10.99.0.0/24
}

iodine_down() {
    stop iodine
    stop inner
    stop iodined
}

iodine_moves() { # iodine_moves TYPE OCTETS [OPTION…]
    iodine_up "$1" "${@:3}"
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

# The variants of the real tools: NAME RESOLVER TOOL TYPE [OPTION…], a line each.
VARIANTS="
iodine-txt-base32 bind iodine TXT -O base32
iodine-txt-base64 bind iodine TXT -O base64
iodine-txt-base64u bind iodine TXT -O base64u
iodine-txt-base128 bind iodine TXT -O base128
iodine-txt-raw bind iodine TXT -O raw
iodine-short bind iodine-short NULL -M 60
iodine-private bind iodine PRIVATE
iodine-polling bind iodine NULL -L 0
iodine-raw bind iodine-raw NULL
iodine-unbound-null unbound iodine NULL
iodine-unbound-txt unbound iodine TXT
iodine-dnsmasq-null dnsmasq iodine NULL
iodine-dnsmasq-cname dnsmasq iodine CNAME
dns2tcp-unbound-txt unbound dns2tcp TXT
dns2tcp-dnsmasq-key dnsmasq dns2tcp KEY
"

# variant TOOL TYPE OPTION…: 4 KB up, 2 KB down.
variant() {
    case $1 in
    iodine) iodine_moves "$2" 4096 "${@:3}" ;;
    iodine-short) MTU=300 iodine_moves "$2" 4096 "${@:3}" ;; # a packet is at most 16 names
    iodine-raw) RAW=yes iodine_moves "$2" 4096 "${@:3}" ;;
    dns2tcp) dns2tcp_moves "$2" 4096 ;;
    esac
}

emulated_moves() { # emulated_moves NAME: both ends of a campaign of emulate/, each from the same script
    start emulated net python3 "$LAB/emulate" answer "$1" 198.51.100.40
    until_true 20 in_ns net sh -c 'ss -Hlnu "src 198.51.100.40" | grep -q .'
    timeout 240 ip netns exec gp-c1 python3 "$LAB/emulate" ask "$1" "$RESOLVER"
    stop emulated
}
