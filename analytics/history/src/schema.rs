//! The columns of a feature file: name, type, unit and meaning, and where each comes from.
//!
//! A column is named as the field of the JSON record, a dot written as an underscore, so
//! `answer.rcode` is `answer_rcode`. `SCHEMA.md` is made of this table; a test compares them.

use std::borrow::Cow;
use std::fmt::Write as _;

use geophone_sensor::decode::rdata::{Edns, rcode_name, type_name};
use geophone_sensor::record::{Mismatch, Status, Transaction, Transport};

/// The version of the columns; it grows when one changes its meaning or goes. One that is added
/// leaves it as it is: readers ask for columns by name.
pub const SCHEMA_VERSION: u32 = 1;

/// The key under which the metadata of a file carries the version.
pub const SCHEMA_KEY: &str = "geophone.features";

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The unit of its values; `–` where they have none.
    pub unit: &'static str,
    /// What it means.
    pub meaning: &'static str,
    pub(crate) pull: Pull,
}

/// How a value is taken from a transaction; `None` becomes a null.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pull {
    Flag(fn(&Transaction) -> Option<bool>),
    Large(fn(&Transaction) -> Option<u64>),
    Number(fn(&Transaction) -> Option<u32>),
    Text(fn(&Transaction) -> Option<Cow<'static, str>>),
    Texts(fn(&Transaction) -> Option<Vec<String>>),
    Time(fn(&Transaction) -> i64),
}

impl Column {
    /// Returns its type in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.pull {
            Pull::Flag(_) => "boolean",
            Pull::Large(_) => "unsigned, 64 bits",
            Pull::Number(_) => "unsigned, 32 bits",
            Pull::Text(_) => "text",
            Pull::Texts(_) => "list of texts",
            Pull::Time(_) => "time, UTC",
        }
    }
}

/// Writes the table as Markdown.
#[must_use]
pub fn schema_markdown() -> String {
    let mut page = format!(
        "# The columns of a feature file\n\n\
         One row a transaction, in the order in which they ended. The file's metadata carries \
         `{SCHEMA_KEY} = {SCHEMA_VERSION}`; the version\ngrows when a column changes its meaning \
         or goes, not when one is added. A column is the field of the JSON record with `_` for \
         `.`,\nso what one says of a field holds for the column. What a transaction does not have \
         is null: no answer, no EDNS, no VLAN.\n\nThis page is made of \
         `analytics/history/src/schema.rs` (`UPDATE_GOLDEN=1 cargo test -p geophone-history`).\n\n"
    );
    table(&mut page, &COLUMNS);
    page += "\nFiles that `geophone dataset build` writes have these columns too:\n\n\
             | column | type | unit | meaning |\n|---|---|---|---|\n";
    for (name, meaning) in LABEL_COLUMNS {
        let _ = writeln!(page, "| `{name}` | text | – | {meaning} |");
    }
    page
}

fn table(page: &mut String, columns: &[Column]) {
    *page += "| column | type | unit | meaning |\n|---|---|---|---|\n";
    for column in columns {
        let Column { name, unit, meaning, .. } = column;
        let _ = writeln!(page, "| `{name}` | {} | {unit} | {meaning} |", column.kind());
    }
}

/// What `geophone dataset build` adds to a row.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The capture's file.
    pub capture: &'a str,
    /// Its role.
    pub role: &'a str,
    /// The program that made the traffic.
    pub tool: &'a str,
    /// The network it was recorded in.
    pub network: Option<&'a str>,
    /// The truth's label, or `benign`.
    pub label: &'a str,
    /// The truth's registered domain.
    pub truth_domain: Option<&'a str>,
}

/// The columns of a [`Label`] and what they mean.
pub const LABEL_COLUMNS: [(&str, &str); 6] = [
    ("capture", "The capture's file, as the manifest names it."),
    ("role", "The capture's role."),
    ("tool", "The program that made the traffic."),
    ("network", "The network it was recorded in; null where the manifest does not say."),
    (
        "label",
        "The label of the truth that client, domain and time of the query fall into; \
         `benign` where they fall into none.",
    ),
    ("truth_domain", "The registered domain of that truth; null where there is none."),
];

const fn status(of: Status) -> &'static str {
    match of {
        Status::Answered => "answered",
        Status::Continued => "continued",
        Status::Unanswered => "unanswered",
        Status::Unsolicited => "unsolicited",
    }
}

const fn transport(of: Transport) -> &'static str {
    match of {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

const fn mismatch(of: Mismatch) -> &'static str {
    match of {
        Mismatch::Id => "id",
        Mismatch::Question => "question",
        Mismatch::Conflict => "conflict",
        Mismatch::Repeat => "repeat",
        Mismatch::Late => "late",
    }
}

fn text(of: &impl ToString) -> Option<Cow<'static, str>> {
    Some(Cow::Owned(of.to_string()))
}

fn tunnels(of: &Transaction) -> Vec<String> {
    let words = |tunnel: geophone_sensor::decode::path::Tunnel| match tunnel.id {
        Some(id) => format!("{}:{id}", tunnel.kind.name()),
        None => tunnel.kind.name().to_owned(),
    };
    of.path.tunnels().map(words).collect()
}

fn records(of: &Transaction) -> Vec<String> {
    of.answer_texts.iter().map(|text| format!("{} {} {}", text.ttl, text.kind, text.data)).collect()
}

/// Gives an answer's figure where there is an answer.
fn of_answer<T>(of: &Transaction, figure: impl Into<T>) -> Option<T> {
    of.has_answer().then(|| figure.into())
}

/// A figure of an answer that the JSON form leaves out where it is 0.
fn if_any(of: &Transaction, figure: impl Into<u32>) -> Option<u32> {
    of_answer(of, figure).filter(|figure: &u32| *figure != 0)
}

fn of_edns<T>(of: &Transaction, figure: impl Fn(&Edns) -> T) -> Option<T> {
    of.edns.as_ref().map(figure)
}

macro_rules! columns {
    ($($name:literal, $pull:ident($take:expr), $unit:literal, $meaning:literal;)*) => {
        [$(Column { name: $name, unit: $unit, meaning: $meaning, pull: Pull::$pull($take) },)*]
    };
}

/// Every column, in the order of the file.
pub const COLUMNS: [Column; 65] = columns! {
    "time", Time(|t| t.time.micros()), "µs since 1970",
        "When the query was captured; the answer, where there was no query.";
    "status", Text(|t| Some(status(t.status).into())), "–",
        "`answered`, `unanswered`, `unsolicited`, or `continued`: a further message of a zone transfer.";
    "transport", Text(|t| Some(transport(t.transport).into())), "–", "`udp` or `tcp`.";
    "client", Text(|t| text(&t.client)), "–", "Address of who asked.";
    "client_port", Number(|t| Some(t.client_port.into())), "–", "Its port.";
    "server", Text(|t| text(&t.server)), "–", "Address of who was asked.";
    "server_port", Number(|t| Some(t.server_port.into())), "–", "Its port.";
    "vlan", Number(|t| t.path.vlan().map(Into::into)), "–", "VLAN id of the mirrored frame.";
    "inner_vlan", Number(|t| t.path.inner_vlan().map(Into::into)), "–",
        "VLAN id of the tag behind that one (IEEE 802.1ad).";
    "tunnels", Texts(|t| Some(tunnels(t))), "–",
        "Tunnels around the packet from the outermost to the innermost, as `kind` or `kind:number`.";
    "id", Number(|t| Some(t.id.into())), "–", "Message id.";
    "opcode", Number(|t| Some(t.flags.opcode().into())), "–", "Opcode (IANA DNS parameters).";
    "query_flags", Number(|t| Some(t.flags.0.into())), "–",
        "The 16 bits of flags of the query; of the answer, where there was no query.";
    "qname", Text(|t| text(&t.qname)), "–",
        "Name asked for, in the case it was asked, without the final dot.";
    "domain", Text(|t| Some(t.domain_text().into())), "–",
        "Registered domain in lower case: public suffix and one label.";
    "qtype", Text(|t| Some(type_name(t.qtype).into())), "–", "Type asked for, by name or `TYPE…`.";
    "qclass", Number(|t| Some(t.qclass.into())), "–", "Class asked for; 1 is IN.";
    "name_length", Number(|t| Some(t.name.length.into())), "octets",
        "Length of the name as text, without the final dot.";
    "name_n_labels", Number(|t| Some(t.name.n_labels.into())), "labels", "Labels of the name.";
    "name_n_subdomain_labels", Number(|t| Some(t.name.n_subdomain_labels.into())), "labels",
        "Labels before the registered domain.";
    "name_subdomain_length", Number(|t| Some(t.name.subdomain_length.into())), "octets",
        "Octets before the registered domain, without dots.";
    "name_longest_label", Number(|t| Some(t.name.longest_label.into())), "octets",
        "Longest label before the registered domain.";
    "name_entropy_millibits", Number(|t| Some(t.name.entropy_millibits.into())), "bit/1000",
        "Shannon entropy of the subdomain's octets in lower case.";
    "name_digits", Number(|t| Some(t.name.digits.into())), "octets", "Digits in the subdomain.";
    "name_lower", Number(|t| Some(t.name.lower.into())), "octets",
        "Lower-case letters in the subdomain.";
    "name_upper", Number(|t| Some(t.name.upper.into())), "octets",
        "Upper-case letters in the subdomain.";
    "name_hyphens", Number(|t| Some(t.name.hyphens.into())), "octets",
        "Hyphens and underscores in the subdomain.";
    "name_other", Number(|t| Some(t.name.other.into())), "octets",
        "All other octets of the subdomain.";
    "name_domain_upper", Number(|t| Some(t.name.domain_upper.into())), "octets",
        "Upper-case letters in the registered domain.";
    "name_suffix_known", Flag(|t| Some(t.name.suffix_known)), "–",
        "Whether the public suffix list knows the domain's suffix.";
    "query_bytes", Number(|t| Some(t.query_bytes)), "octets", "Query message; 0 without a query.";
    "edns_udp_size", Number(|t| of_edns(t, |e| e.udp_size.into())), "octets",
        "Largest UDP payload the sender takes (RFC 6891).";
    "edns_version", Number(|t| of_edns(t, |e| e.version.into())), "–", "EDNS version.";
    "edns_dnssec_ok", Flag(|t| of_edns(t, |e| e.dnssec_ok)), "–", "DO bit.";
    "edns_n_options", Number(|t| of_edns(t, |e| e.n_options.into())), "options", "EDNS options.";
    "edns_options_bytes", Number(|t| of_edns(t, |e| e.options_bytes.into())), "octets",
        "All options with their headers.";
    "edns_client_subnet", Number(|t| t.edns.and_then(|e| e.client_subnet).map(Into::into)), "bits",
        "Bits of the client's address told to the server (RFC 7871).";
    "edns_cookie_bytes", Number(|t| of_edns(t, |e| e.cookie_bytes.into())), "octets",
        "Cookie (RFC 7873).";
    "edns_padding_bytes", Number(|t| of_edns(t, |e| e.padding_bytes.into())), "octets",
        "Padding (RFC 7830).";
    "edns_unknown_bytes", Number(|t| of_edns(t, |e| e.unknown_bytes.into())), "octets",
        "Options that IANA assigned to nobody.";
    "retries", Number(|t| Some(t.retries.into())), "queries",
        "Repetitions of the query while it waited.";
    "rates_queries_10s", Number(|t| Some(t.rates.queries_10s)), "queries",
        "Queries for the domain in the last 10 s, from all clients.";
    "rates_queries_60s", Number(|t| Some(t.rates.queries_60s)), "queries",
        "Queries for the domain in the last 60 s, from all clients.";
    "mismatch", Text(|t| t.mismatch.map(|m| mismatch(m).into())), "–",
        "For an answer nobody asked for: `id` or `question`, what differs from a waiting query; \
         `conflict`, `repeat` or `late` for one to a query that was answered or given up.";
    "rtt_micros", Large(|t| t.rtt_micros), "µs", "From the query to its answer.";
    "answer_bytes", Number(|t| of_answer(t, t.answer_bytes)), "octets", "Answer message.";
    "answer_flags", Number(|t| of_answer(t, t.answer_flags.0)), "–",
        "The 16 bits of flags of the answer.";
    "answer_rcode", Text(|t| of_answer(t, rcode_name(t.answer.rcode))), "–",
        "Response code by name.";
    "answer_n_answers", Number(|t| of_answer(t, t.answer.n_answers)), "records",
        "Records of the answer section.";
    "answer_n_authority", Number(|t| of_answer(t, t.answer.n_authority)), "records",
        "Records of the authority section.";
    "answer_n_additional", Number(|t| of_answer(t, t.answer.n_additional)), "records",
        "Records of the additional section.";
    "answer_types", Texts(|t| of_answer(t, types(t))), "–",
        "First distinct types of the answer section, four at most.";
    "answer_rdata_bytes", Number(|t| of_answer(t, t.answer.rdata_bytes)), "octets",
        "Record data of the answer section.";
    "answer_text_bytes", Number(|t| of_answer(t, t.answer.text_bytes)), "octets",
        "Of these, text (TXT, SPF).";
    "answer_name_bytes", Number(|t| of_answer(t, t.answer.name_bytes)), "octets",
        "Of these, names.";
    "answer_opaque_bytes", Number(|t| of_answer(t, t.answer.opaque_bytes)), "octets",
        "Of these, data of types that carry anything (NULL, KEY, private, unassigned).";
    "answer_n_addresses", Number(|t| of_answer(t, t.answer.n_addresses)), "records",
        "A and AAAA records.";
    "answer_n_loopback", Number(|t| if_any(t, t.answer.n_loopback)), "records",
        "A records in 127.0.0.0/8; null without any.";
    "answer_n_private", Number(|t| of_answer(t, t.answer.n_private)), "records",
        "A and AAAA records of private use: RFC 1918, 3927, 4193, link-local, loopback, unspecified.";
    "answer_addresses", Number(|t| if_any(t, t.answer.addresses)), "–",
        "Hash of the addresses in any order, to tell sets apart; null without any.";
    "answer_ttl_min_seconds", Number(|t| ttls(t).map(|ttls| ttls.0)), "s", "Least time to live.";
    "answer_ttl_max_seconds", Number(|t| ttls(t).map(|ttls| ttls.1)), "s", "Most time to live.";
    "answer_fingerprint", Number(|t| of_answer(t, t.answer.fingerprint)), "–",
        "Hash of the record data, to tell answers apart.";
    "answer_records", Texts(|t| of_answer(t, records(t))), "–",
        "First answers in words, as `ttl type data`.";
    "defects", Texts(|t| Some(defects(t))), "–", "What was wrong with either message.";
};

fn types(of: &Transaction) -> Vec<String> {
    of.answer.types().iter().map(|kind| type_name(*kind)).collect()
}

fn ttls(of: &Transaction) -> Option<(u32, u32)> {
    of.answer.ttls.filter(|_| of.has_answer())
}

fn defects(of: &Transaction) -> Vec<String> {
    of.defects.iter().map(|defect| defect.name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_in_the_tree_is_what_the_table_says() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("SCHEMA.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&page, schema_markdown()).unwrap();
        }
        let kept = std::fs::read_to_string(&page).unwrap_or_default();
        assert_eq!(kept, schema_markdown(), "UPDATE_GOLDEN=1 writes it again");
    }

    #[test]
    fn no_column_stands_twice() {
        let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        names.extend(LABEL_COLUMNS.map(|(name, _)| name));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
