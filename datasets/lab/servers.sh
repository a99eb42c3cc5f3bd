# Name servers of the lab, started in the background and stopped by pid; sourced by record.sh.

PIDS=()

# start NAME NS COMMAND…: runs a daemon in a namespace, its output in $WORK/NAME.log.
start() {
    # Not through in_ns: the pid must be the daemon's, not that of a subshell.
    ip netns exec "$LAB_PREFIX-$2" "${@:3}" >"$WORK/$1.log" 2>&1 &
    PIDS+=($!)
    declare -g "PID_$1=$!"
}

# stop NAME: ends a daemon and waits for it.
stop() {
    local pid="PID_$1"
    [ -n "${!pid:-}" ] || return 0
    kill "${!pid}" 2>/dev/null || true
    wait "${!pid}" 2>/dev/null || true
    unset "PID_$1"
}

stop_all() {
    local pid
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
    PIDS=()
}

# until_true SECONDS COMMAND…: polls; fails loudly when time is up.
until_true() {
    local limit=$((SECONDS + $1))
    until "${@:2}" >/dev/null 2>&1; do
        if [ $SECONDS -ge $limit ]; then
            echo "record.sh: gave up after $1 s waiting for: ${*:2}" >&2
            tail -n 3 "$WORK"/*.log >&2
            return 1
        fi
        read -rt 0.1 <> <(:) || true
    done
}

answers() { in_ns "$1" dig +short +time=1 +tries=1 "@$2" "$3" "$4" | grep -q .; }

start_authority() {
    # shellcheck disable=SC2046 # domains are words
    python3 "$LAB/zones.py" "$WORK/zones" $(emulated_domains)
    (cd "$WORK/zones" &&
        dnssec-keygen -q -a ECDSAP256SHA256 signed-lab.org >/dev/null &&
        dnssec-keygen -q -a ECDSAP256SHA256 -f KSK signed-lab.org >/dev/null &&
        dnssec-signzone -q -S -o signed-lab.org -f signed-lab.org.signed signed-lab.org.zone >/dev/null)
    {
        echo "options { directory \"$WORK/zones\"; listen-on { 198.51.100.10; }; listen-on-v6 { none; };"
        echo "  recursion no; pid-file none; session-keyfile \"$WORK/zones/session.key\";"
        echo "  empty-zones-enable no; dnssec-validation no; };"
        echo "controls { };"
        local file zone
        for file in "$WORK"/zones/*.zone; do
            zone=$(basename "$file" .zone)
            [ "$zone" = root ] && zone=.
            [ "$zone" = signed-lab.org ] && file=$file.signed && file=${file/.zone.signed/.signed}
            echo "zone \"$zone\" { type primary; file \"$file\"; };"
        done
    } >"$WORK/authority.conf"
    start authority net named -f -c "$WORK/authority.conf"
    until_true 20 answers net 198.51.100.10 www.acme-widgets.com A
}

emulated_domains() { python3 "$LAB/emulate" domains; }

# unbound_conf ADDRESS NETWORK [LINE…]: the configuration of an Unbound that resolves for a network.
unbound_conf() {
    cat <<CONF
server:
  interface: $1
  access-control: $2 allow
  username: ""
  chroot: ""
  directory: "$WORK"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  root-hints: "$WORK/zones/hints"
$(printf '  %s\n' "${@:3}")
remote-control:
  control-enable: no
CONF
}

start_resolver() { # start_resolver bind|unbound|dnsmasq
    case $1 in
    bind)
        cat >"$WORK/resolver.conf" <<CONF
options { directory "$WORK"; listen-on { $RESOLVER; }; listen-on-v6 { none; }; pid-file none;
  session-keyfile "$WORK/session.key"; empty-zones-enable no; dnssec-validation no;
  qname-minimization off; // dns2tcpd answers TXT and KEY only
  recursion yes; allow-query { any; }; allow-recursion { any; }; };
controls { };
zone "." { type hint; file "$WORK/zones/hints"; };
CONF
        start resolver res named -f -c "$WORK/resolver.conf" ;;
    unbound)
        unbound_conf "$RESOLVER" 192.168.77.0/24 'module-config: "iterator"' \
            "qname-minimisation: ${MINIMISE:-yes}" "harden-referral-path: no" \
            'local-zone: "local." nodefault' >"$WORK/resolver.conf"
        start resolver res unbound -d -p -c "$WORK/resolver.conf" ;;
    dnsmasq)
        local -a emulated
        mapfile -t emulated < <(emulated_domains | sed 's|.*|--server=/&/198.51.100.40|')
        start resolver res dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon \
            --listen-address="$RESOLVER" --bind-interfaces --cache-size=1000 --user=root \
            --server=198.51.100.10 --server=/t.tunnel-lab.net/198.51.100.20 \
            --server=/d.courier-lab.org/198.51.100.30 "${emulated[@]}" ;;
    esac
    until_true 20 answers c4 "$RESOLVER" www.acme-widgets.com A
}

resolver_version() {
    case $1 in
    bind) named -v | head -n 1 | cut -d' ' -f1-2 ;;
    unbound) unbound -V | head -n 1 | sed 's/Version/Unbound/' ;;
    dnsmasq) dnsmasq --version | head -n 1 | cut -d' ' -f1-3 ;;
    esac
}
