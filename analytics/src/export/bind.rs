//! BIND without a response policy: a primary zone a domain, all read from one empty zone file.

use super::List;
use super::comment::{plain, plain_list};

pub(super) fn write(list: &List<'_>) -> String {
    let file = list.settings.empty_zone.to_string_lossy();
    // Checked where it was typed; here it only has to stay inside its quotes.
    let file = plain(&file, usize::from(u16::MAX));
    let about = [
        "load: include this file in named.conf (at the top level, or in each view), named-checkconf, rndc reconfig",
        "blocks each domain (NODATA) and all below it (NXDOMAIN); format rpz does the same in one zone",
        "the file that every zone names must be an empty zone, as Debian has it in /etc/bind/db.empty:",
        "    @ 3600 IN SOA localhost. root.localhost. 1 604800 86400 2419200 3600",
        "    @ 3600 IN NS localhost.",
    ];
    plain_list(list, &about, |domain| {
        format!("zone \"{domain}\" {{ type primary; file \"{file}\"; }};\n")
    })
}
