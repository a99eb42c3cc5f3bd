#!/usr/bin/env bash
# Installs what a target misses: need.sh build|kafka|broker|lists|bench|live|outage|soak|fuzz|lab …
# Debian and Ubuntu, as root or with sudo; elsewhere it says what to install and stops.
set -euo pipefail

# A command or file that proves each package, and the package.
declare -A sets=(
    [build]="/usr/include/pcap/pcap.h=libpcap-dev cc=gcc /usr/include/stdio.h=libc6-dev"
    [kafka]="make=make /usr/include/openssl/ssl.h=libssl-dev /usr/include/zlib.h=zlib1g-dev"
    [broker]="java=default-jre-headless mvn=maven flock=util-linux ip=iproute2 python3=python3"
    # Neither unbound nor bind9: installing them starts a server. The tests use them where they are.
    [lists]="named-checkzone=bind9-utils dnsmasq=dnsmasq-base nft=nftables unshare=util-linux"
    [bench]="python3=python3 tcpdump=tcpdump tshark=tshark dnscap=dnscap hyperfine=hyperfine /usr/bin/time=time taskset=util-linux"
    [live]="python3=python3 tcpdump=tcpdump tcpreplay=tcpreplay ip=iproute2 taskset=util-linux"
    [outage]="kcat=kcat"
    [soak]="python3=python3"
    [fuzz]="python3=python3 c++=g++"
    [lab]="python3=python3 tcpdump=tcpdump tshark=tshark ip=iproute2 iodine=iodine dns2tcpc=dns2tcp named=bind9 dig=bind9-dnsutils dnssec-signzone=bind9-utils unbound=unbound dnsmasq=dnsmasq-base dnsperf=dnsperf nsd=nsd knotd=knot nmap=nmap"
)

have() {
    case $1 in
        /*) [ -e "$1" ] ;;
        *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ;;
    esac
}

missing=()
for set in "$@"; do
    for pair in ${sets[$set]}; do
        have "${pair%%=*}" || missing+=("${pair#*=}")
    done
done

if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "missing: ${missing[*]} (Debian's names); install them with this system's package manager" >&2
        exit 1
    fi
    root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}" >&2
            exit 1
        }
        root=(sudo)
    fi
    echo "installing ${missing[*]}"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null 2>&1 && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
    echo "no Rust toolchain: install it with rustup, then run this again;" >&2
    echo "rust-toolchain.toml names the version" >&2
    exit 1
fi

# cargo-fuzz is no package of Debian.
if [[ " $* " == *" fuzz "* ]]; then
    cargo=$(command -v cargo || echo "$HOME/.cargo/bin/cargo")
    "$cargo" fuzz --version >/dev/null 2>&1 || "$cargo" install cargo-fuzz --locked
fi
