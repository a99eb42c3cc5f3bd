//! nftables: sets of addresses whose elements run out, and a table of its own that drops by them.
//!
//! Names cannot be in it. The table is replaced as a whole and in one transaction, and touches no
//! other.

use std::net::IpAddr;
use std::time::Duration;

use super::List;
use super::comment::{commented, moment, plain};
use super::entry::Entry;
use super::target::Target;

/// Octets of an element's comment (`NFTNL_UDATA_COMMENT_MAXLEN`).
const COMMENT: usize = 128;

pub(super) fn write(list: &List<'_>) -> String {
    let about = [
        "load: nft -c -f FILE, then nft -f FILE; it replaces the table inet geophone and touches no other",
        "drops what goes to a server, and what a client asks on ports 53 and 853; on routers, bridges with",
        "br_netfilter, and the hosts themselves",
        "an element goes after its timeout, counted from loading: what is left at --now, or else all of --expires",
    ];
    let mut text = commented(list, "#", &about);
    text += "\ntable inet geophone\ndelete table inet geophone\n\ntable inet geophone {\n";
    for set in [Set::SERVERS4, Set::SERVERS6, Set::CLIENTS4, Set::CLIENTS6] {
        text += &set.text(list);
    }
    text += RULES;
    text
}

/// Which addresses are in a set.
struct Set {
    name: &'static str,
    kind: &'static str,
    of: fn(&Target) -> Option<IpAddr>,
}

impl Set {
    const SERVERS4: Self = Self {
        name: "servers4",
        kind: "ipv4_addr",
        of: |target| server(target).filter(IpAddr::is_ipv4),
    };
    const SERVERS6: Self = Self {
        name: "servers6",
        kind: "ipv6_addr",
        of: |target| server(target).filter(IpAddr::is_ipv6),
    };
    const CLIENTS4: Self = Self {
        name: "clients4",
        kind: "ipv4_addr",
        of: |target| client(target).filter(IpAddr::is_ipv4),
    };
    const CLIENTS6: Self = Self {
        name: "clients6",
        kind: "ipv6_addr",
        of: |target| client(target).filter(IpAddr::is_ipv6),
    };

    fn text(&self, list: &List<'_>) -> String {
        let Self { name, kind, of } = self;
        let mut text = format!("\tset {name} {{\n\t\ttype {kind}\n\t\tflags timeout\n");
        let elements: Vec<_> = list
            .entries
            .iter()
            .filter_map(|entry| Some(element(of(&entry.target)?, entry, list)))
            .collect();
        if !elements.is_empty() {
            text += &format!("\t\telements = {{\n{}\n\t\t}}\n", elements.join(",\n"));
        }
        text + "\t}\n\n"
    }
}

const fn server(target: &Target) -> Option<IpAddr> {
    match target {
        Target::Server(address) => Some(*address),
        _ => None,
    }
}

const fn client(target: &Target) -> Option<IpAddr> {
    match target {
        Target::Client(address) => Some(*address),
        _ => None,
    }
}

fn element(address: IpAddr, entry: &Entry, list: &List<'_>) -> String {
    let settings = list.settings;
    let left = settings.now.map_or(settings.expires, |now| entry.expires.since(now));
    let seconds = (left + Duration::from_millis(999)).as_secs().max(1);
    let comment = plain(&format!("until {}: {}", moment(entry.expires), entry.why()), COMMENT);
    format!("\t\t\t{address} timeout {seconds}s comment \"{comment}\"")
}

/// What is dropped, at every place a packet may come through.
const RULES: &str = "\
\tchain listed {
\t\tip daddr @servers4 counter drop
\t\tip6 daddr @servers6 counter drop
\t\tip saddr @clients4 meta l4proto { tcp, udp } th dport { 53, 853 } counter drop
\t\tip6 saddr @clients6 meta l4proto { tcp, udp } th dport { 53, 853 } counter drop
\t}

\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
\t\tjump listed
\t}

\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\tjump listed
\t}

\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t\tjump listed
\t}
}
";
