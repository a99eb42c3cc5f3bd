# Attacks on clients, and by them; sourced by attacks.sh. A function each, named in CLIENT_NAMES.

CLIENT_NAMES="poison-guess poison-ports poison-fragments poison-race rebinding rogue-outside rogue-inside rogue-many
    encrypted leak generated beacon vpn malformed
    quiet-wide quiet-twice quiet-spread quiet-split quiet-member quiet-mdns quiet-chromium quiet-typing quiet-pulse"
ODD=198.51.100.40 NEAR=192.168.77.12

# Delegated to odd_authority.py.
emulated_domains() { python3 "$LAB/emulate" domains; python3 "$LAB/odd_authority.py" domains; }

odd() { # odd COMMAND…: while it runs, odd_authority.py answers
    start odd net python3 "$LAB/odd_authority.py" serve "$ODD"
    until_true 10 answers net "$ODD" www.split-lab.com A
    "$@"
    stop odd
}
ask() { in_ns "$1" python3 "$LAB/ask.py" --rate "${@:2}"; } # ask HOST RATE SERVER… < questions
names() { python3 "$LAB/client_names.py" "$1"; }
repeat() { for n in $(seq 1 "$1"); do echo "${2//@/$n} ${3:-A}"; done; } # repeat COUNT NAME [TYPE]
forge() { in_ns "$1" python3 "$LAB/forge.py" "${@:2}"; }
forge_in_background() { # forge_in_background HOST WHAT …: until it listens
    start "$2" "$1" python3 "$LAB/forge.py" "${@:2}"
    until_true 10 grep -q listening "$WORK/$2.log"
}

# A resolver among the clients: what it asks and is told passes the mirror port.
start_near() { # start_near [lines of its configuration]
    unbound_conf "$NEAR" 192.168.77.0/24 "module-config: \"${MODULES:-iterator}\"" \
        "harden-referral-path: no" "qname-minimisation: no" "$1" >"$WORK/near.conf"
    start near c2 unbound -d -p -c "$WORK/near.conf"
    until_true 20 answers c2 "$NEAR" www.acme-widgets.com A
}
one_port() { printf 'outgoing-port-avoid: "0-65535"\n  outgoing-port-permit: 5300\n  outgoing-range: 1\n'; }

# Resolvers outside, on as many addresses.
start_outside() {
    local -a listen
    mapfile -t listen < <(printf -- '--listen-address=198.51.100.%s\n' $(seq 101 108))
    start outside net dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon --bind-interfaces \
        --user=root --server=198.51.100.10 "${listen[@]}"
    until_true 10 answers net 198.51.100.101 www.acme-widgets.com A
}

# --- attacks ------------------------------------------------------------------------------------

poison_guess() { start_near "$(one_port)"; odd poison_guess_at; stop near; }
poison_guess_at() {
    begin
    repeat 12 "x@.slow-bank.com" | ask c1 2 "$NEAR" &
    forge net guess --source "$ODD" --to "$NEAR" --names 12 --count 720 --rate 120
    wait $!
}
poison_ports() { begin; beside forge net ports --source "$ODD" --to "$NEAR" --count 2000 --rate 400; }
poison_fragments() { start_near ""; odd poison_fragments_at; stop near; }
poison_fragments_at() {
    begin
    repeat 12 "x@.wide-lab.com" TXT | ask c1 2 "$NEAR" &
    forge net fragments --source "$ODD" --to "$NEAR" --count 480 --rate 80
    wait $!
}
poison_race() { odd poison_race_at; }
poison_race_at() {
    forge_in_background c4 inject --source "$RESOLVER"
    begin
    repeat 8 "host@.slow-bank.com" | ask c1 2 "$RESOLVER"
    read -rt 1 <> <(:) || true # the honest answers come late
    stop inject
}
rebinding() { odd rebinding_at; }
rebinding_at() { begin; repeat 8 page.flip-lab.net | ask c1 0.8 "$RESOLVER"; }
rogue_outside() {
    start_outside
    begin
    names undesignated | ask c1 10 198.51.100.101
    stop outside
}
rogue_inside() {
    start rogue c4 dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon --user=root \
        --bind-interfaces --listen-address=192.168.77.14 --server=198.51.100.10
    until_true 10 answers c4 192.168.77.14 www.acme-widgets.com A
    begin
    names undesignated | ask c1 10 192.168.77.14
    stop rogue
}
rogue_many() {
    start_outside
    begin
    # shellcheck disable=SC2046 # servers are words
    names undesignated | ask c1 8 $(printf '198.51.100.%s ' $(seq 101 108))
    stop outside
}
encrypted() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=dns.google \
        -keyout "$WORK/tls.key" -out "$WORK/tls.crt" 2>/dev/null
    start tls net openssl s_server -accept 198.51.100.109:853 -key "$WORK/tls.key" -cert "$WORK/tls.crt"
    begin
    names encrypted | ask c1 4 "$RESOLVER"
    in_ns c1 timeout 3 openssl s_client -connect 198.51.100.109:853 </dev/null >/dev/null 2>&1 || true
    stop tls
}
leak() { start_outside; begin; names leak | ask c1 4 198.51.100.101; stop outside; }
generated() { odd generated_at; }
generated_at() { begin; names generated | ask c1 5 "$RESOLVER"; }
beacon() { odd beacon_at; SLOWER=60; }
beacon_at() { begin; repeat 45 up.implant-lab.net TXT | ask c1 1 "$RESOLVER"; }
vpn() {
    forge_in_background net far_end --to 198.51.100.112
    begin
    forge c1 vpn --to 198.51.100.112 --count 160 --rate 20
    stop far_end
}
malformed() { begin; forge c3 malformed --source 192.168.77.13 --to "$RESOLVER" --count 240 --rate 40; }

# --- what looks like it -------------------------------------------------------------------------

quiet_wide() { start_near ""; odd quiet_wide_at; stop near; }
quiet_wide_at() { begin; repeat 120 "x@.wide-lab.com" TXT | ask c1 10 "$NEAR"; }
quiet_twice() { start_near ""; odd quiet_twice_at; stop near; }
quiet_twice_at() { begin; repeat 80 "host@.twice-lab.org" | ask c1 10 "$NEAR"; }
quiet_spread() {
    MODULES="dns64 iterator" start_near "dns64-prefix: 64:ff9b::/96"
    odd quiet_spread_at
    stop near
}
quiet_spread_at() {
    begin
    { repeat 40 www.spread-lab.net A; repeat 40 www.spread-lab.net AAAA; } | sort -R --random-source=/dev/zero |
        ask c1 8 "$NEAR"
}
quiet_split() { odd quiet_split_at; }
quiet_split_at() { begin; repeat 60 www.split-lab.com | ask c1 5 "$RESOLVER"; }
quiet_member() { begin; names member | ask c1 20 "$RESOLVER"; }
quiet_mdns() { begin; names mdns | ask c1 20 "$RESOLVER"; }
quiet_chromium() { begin; names chromium | ask c1 25 "$RESOLVER"; }
quiet_typing() { begin; names typing | ask c1 16 "$RESOLVER"; }
quiet_pulse() { odd quiet_pulse_at; SLOWER=60; }
quiet_pulse_at() { begin; repeat 60 in.pulse-lab.com | ask c1 1 "$RESOLVER"; }
