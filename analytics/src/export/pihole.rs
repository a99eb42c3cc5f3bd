//! Pi-hole: domains in Adblock style, which its gravity takes for the domain and all below it.
//!
//! FTL knows the style from 5.22 on, and in version 6 (`gravity-parseList.c`).

use super::List;
use super::comment::plain_list;

pub(super) fn write(list: &List<'_>) -> String {
    let about = [
        "load: add this file's address (https:// or file://) as a block list, then pihole -g; FTL 5.22 or later",
        "blocks each domain and all below it",
    ];
    plain_list(list, &about, |domain| format!("||{domain}^\n"))
}
