//! What of a transaction goes into the state of its key.

use geophone_sensor::decode::rdata::Payload;
use geophone_sensor::record::Transaction;

use super::NXDOMAIN;
use crate::state::{Carries, Sighting};

/// NS and PTR answers are names too, but nobody asks NS or PTR for their payload.
const TYPE_NS: u16 = 2;
const TYPE_PTR: u16 = 12;

/// What is kept for so long at most is not meant to be kept.
const SHORT_LIVED_SECONDS: u32 = 5;

/// Returns the figures of `transaction` that a key adds up.
pub(super) fn sighting_of(transaction: &Transaction) -> Sighting {
    let payload = Payload::of(transaction.qtype);
    // RFC 8145 section 5.1: trust anchor telemetry asks NULL of `_ta-xxxx`.
    let telemetry =
        transaction.qname.labels().next().is_some_and(|label| label.starts_with(b"_ta-"));
    let names = payload == Payload::Name && !matches!(transaction.qtype, TYPE_NS | TYPE_PTR);
    let carries = match payload {
        Payload::Text => Carries::Text,
        Payload::Opaque if !telemetry => Carries::Opaque,
        Payload::Name if names => Carries::Names,
        _ => Carries::Little,
    };
    let answer = &transaction.answer;
    let carried = answer.text_bytes.saturating_add(answer.opaque_bytes);
    // A chain of aliases that ends in no address says something else than where a host is.
    let aliased = payload == Payload::Address && answer.n_addresses == 0;
    let carried =
        if names || aliased { carried.saturating_add(answer.name_bytes) } else { carried };
    Sighting {
        octets: u32::from(transaction.name.subdomain_length),
        entropy_millibits: u32::from(transaction.name.entropy_millibits),
        carries,
        payload_bytes: transaction.has_answer().then_some(carried),
        short_lived: answer.ttls.is_some_and(|(_, longest)| longest <= SHORT_LIVED_SECONDS),
        nxdomain: transaction.has_answer() && answer.rcode == NXDOMAIN,
    }
}
