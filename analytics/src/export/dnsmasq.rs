//! dnsmasq: `address` lines without an address, answered NXDOMAIN for the domain and all below it.

use super::List;
use super::comment::plain_list;

pub(super) fn write(list: &List<'_>) -> String {
    let about = [
        "load: conf-file=this file in dnsmasq.conf, dnsmasq --test, restart dnsmasq (SIGHUP does not read it)",
        "blocks each domain and all below it, for every type: NXDOMAIN",
    ];
    plain_list(list, &about, |domain| format!("address=/{domain}/\n"))
}
