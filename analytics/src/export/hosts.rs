//! A hosts file: the domains themselves at addresses that are nobody's.
//!
//! A hosts file has no wildcards, and tunnels live in names below their domain: it is for machines
//! that have nothing better.

use super::List;
use super::comment::plain_list;

pub(super) fn write(list: &List<'_>) -> String {
    let about = [
        "load: append to /etc/hosts",
        "CAUTION: a hosts file has no wildcards. It blocks these names alone and nothing below them, so it stops",
        "no tunnel; nor does it bind programs that ask a server themselves. Prefer any other format.",
    ];
    plain_list(list, &about, |domain| format!("0.0.0.0 {domain}\n:: {domain}\n"))
}
