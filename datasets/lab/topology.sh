# The hosts of the lab, each a network namespace; sourced by record.sh.
#
#   gp-c1 … gp-c4        gp-lan               gp-res                 gp-net
#   192.168.77.11-14 ──  bridge  ── 192.168.77.53 resolver ──  .10 root and zones (BIND)
#                                  198.51.100.2               .20 iodined   .30 dns2tcpd   .40 emulate
#
# Captures are taken on the bridge's port to the resolver: what a mirror port on the client LAN sees.

CLIENTS=(1 2 3 4)
# Another for a second lab at the same time.
LAB_PREFIX=${LAB_PREFIX:-gp}
RESOLVER=192.168.77.53
TAP=to-res

in_ns() { ip netns exec "$LAB_PREFIX-$1" "${@:2}"; }

wire() { # wire NS_A IF_A NS_B IF_B
    ip link add "$2" netns "$LAB_PREFIX-$1" type veth peer name "$4" netns "$LAB_PREFIX-$3"
    in_ns "$1" ip link set "$2" up
    in_ns "$3" ip link set "$4" up
}

make_topology() {
    local n
    for n in lan res net "${CLIENTS[@]/#/c}"; do
        ip netns add "$LAB_PREFIX-$n"
        in_ns "$n" ip link set lo up
        in_ns "$n" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
    done
    in_ns lan ip link add br0 type bridge
    in_ns lan ip link set br0 up
    for n in "${CLIENTS[@]}"; do
        wire lan "to-c$n" "c$n" eth0
        in_ns lan ip link set "to-c$n" master br0
        in_ns "c$n" ip address add "192.168.77.1$n/24" dev eth0
    done
    wire lan "$TAP" res eth0
    in_ns lan ip link set "$TAP" master br0
    in_ns res ip address add "$RESOLVER/24" dev eth0
    wire res eth1 net eth0
    in_ns res ip address add 198.51.100.2/24 dev eth1
    for n in 10 20 30 40; do
        in_ns net ip address add "198.51.100.$n/24" dev eth0
    done
    # The way past the resolver, for what needs none: iodine's raw mode.
    in_ns res sysctl -qw net.ipv4.ip_forward=1
    in_ns net ip route add 192.168.77.0/24 via 198.51.100.2
    in_ns c1 ip route add 198.51.100.0/24 via "$RESOLVER"
}

remove_topology() {
    local n
    for n in lan res net "${CLIENTS[@]/#/c}"; do
        ip netns delete "$LAB_PREFIX-$n" 2>/dev/null || true
    done
}
