//! ozymandns: TCP over DNS, TXT, CNAME or A down.
//!
//! Source: Dan Kaminsky's `droute.pl` and its traffic: a name has a label `id-` with the number of
//! the session, and `up` or `down` behind it.

use super::question::{Question, decimal};

/// Tells whether ozymandns would send this name; nothing has to be remembered.
pub(super) fn fits(question: &Question<'_>) -> bool {
    let labels = question.labels();
    labels.iter().zip(labels.iter().skip(1)).skip(1).any(|(id, way)| {
        let numbered = id.strip_prefix(b"id-").and_then(decimal).is_some();
        numbered && (way.eq_ignore_ascii_case(b"up") || way.eq_ignore_ascii_case(b"down"))
    })
}
