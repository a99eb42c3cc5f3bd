//! Unbound: `local-zone` statements, answered NXDOMAIN for the domain and all below it.

use super::List;
use super::comment::plain_list;

/// Every entry names its clause: an included file may stand behind any other.
pub(super) fn write(list: &List<'_>) -> String {
    let about = [
        "load: include: this file in unbound.conf, unbound-checkconf, unbound-control reload",
        "blocks each domain and all below it, for every type: NXDOMAIN",
    ];
    plain_list(list, &about, |domain| {
        format!("server: local-zone: \"{domain}.\" always_nxdomain\n")
    })
}
