//! Analytics spread over processes: rollups for owners elsewhere, and facts from them.

use std::net::IpAddr;

use geophone_sensor::record::{
    OwnedRecord, Record, RecordError, Transaction, Wire, from_wire, hash_of, to_json, to_wire,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Analytics;
use super::keys::Keys;
use super::wider::{About, Rollup};
use crate::alert::Alert;
use crate::price::NamePrice;
use crate::state::{Change, Novelty, Wildcards};

/// What an owner elsewhere is told about a transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnedRollup {
    /// Hash of the client or the domain, the same in every process with the same seed.
    pub owner: u64,
    /// Whether it is about the client's rotation, not about the domain.
    rotation: bool,
    bytes: f64,
    name: Option<(Novelty, NamePrice)>,
    /// Whether the client asked for the name for the first time.
    novel: bool,
    /// The transaction in its wire form.
    #[serde(with = "crate::octets")]
    record: Vec<u8>,
}

/// Something that an owner found out, for everybody to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact(Change);

impl OwnedRollup {
    pub(super) fn of(rollup: &Rollup<'_>, seed: u64) -> Self {
        let transaction = rollup.transaction;
        let mut record = Vec::new();
        // A transaction always has a wire form.
        to_wire(&Record::Transaction(transaction), &mut record).ok();
        let (owner, rotation, novel) = match rollup.about {
            About::Client { .. } => (of_client(transaction, seed), true, false),
            About::Domain { name, .. } => (of_domain(transaction, seed), false, name.is_some()),
        };
        Self { owner, rotation, bytes: rollup.bytes, name: rollup.name, novel, record }
    }
}

impl OwnedRollup {
    /// Returns it in words: whose owner is told, what is charged, for which name, and the record.
    #[must_use]
    pub fn words(&self) -> Value {
        let about = if self.rotation { "client" } else { "domain" };
        let name = self.name.map(|(novelty, price)| {
            json!({ "price_bits": price.bits.as_f64(), "expert": price.expert.name(),
                    "charged_bytes": novelty.charged_bytes })
        });
        json!({
            "owner": format!("{:016x}", self.owner),
            "about": about,
            "bytes": self.bytes,
            "novel": self.novel,
            "name": name,
            "record": record_words(&self.record),
        })
    }
}

impl Fact {
    /// Returns it in words.
    #[must_use]
    pub fn words(&self) -> Value {
        let hex = |hash: u64| format!("{hash:016x}");
        match &self.0 {
            Change::Domain { hash, first, crowded } => {
                json!({ "domain": hex(*hash), "first": first.to_string(), "crowded": crowded })
            }
            Change::Wildcard { hash, addresses } => {
                let addresses = addresses.map(|addresses| format!("{addresses:08x}"));
                json!({ "wildcard": hex(*hash), "addresses": addresses })
            }
            Change::Rotation { client, domains } => {
                json!({ "rotation_of": hex(*client), "domains": domains })
            }
        }
    }
}

/// A transaction in its wire form as JSON; why not, where it cannot be read.
fn record_words(wire: &[u8]) -> Value {
    let record = match from_wire(Wire::Transaction, wire) {
        Ok(record) => record,
        Err(error) => return json!({ "unreadable": error.to_string() }),
    };
    let mut line = Vec::new();
    to_json(&record.as_record(), &mut line).ok();
    serde_json::from_slice(&line).unwrap_or_default()
}

fn of_client(transaction: &Transaction, seed: u64) -> u64 {
    match transaction.client {
        IpAddr::V4(client) => hash_of(&client.octets(), seed),
        IpAddr::V6(client) => hash_of(&client.octets(), seed),
    }
}

fn of_domain(transaction: &Transaction, seed: u64) -> u64 {
    hash_of(transaction.qname.folded().from(usize::from(transaction.domain_at)), seed)
}

impl Analytics {
    /// From here on tells owners elsewhere, through [`rollups`](Self::rollups), and knows of them
    /// what [`learn`](Self::learn) is told.
    pub fn spread(&mut self) {
        self.outgoing = Some(Vec::new());
    }

    /// Returns what owners are to be told since the last call.
    pub fn rollups(&mut self) -> Vec<OwnedRollup> {
        self.outgoing.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes what the owner of a client or a domain is told.
    ///
    /// # Errors
    /// A rollup whose transaction cannot be read.
    pub fn own(
        &mut self,
        rollup: &OwnedRollup,
        sink: &mut impl FnMut(&Alert<'_>),
    ) -> Result<(), RecordError> {
        let OwnedRecord::Transaction(transaction) = from_wire(Wire::Transaction, &rollup.record)?
        else {
            return Ok(());
        };
        let transaction = &transaction;
        self.now = transaction.time;
        self.close_idle(sink);
        let keys = Keys::of(transaction, &self.hasher);
        let about = if rollup.rotation {
            About::Client { key: keys.client }
        } else {
            let wildcard = || Wildcards::key(transaction, keys.domain, &self.hasher);
            let name = rollup.novel.then(|| (keys.site_name, wildcard()));
            About::Domain { key: keys.domain, client: keys.client, name }
        };
        let OwnedRollup { bytes, name, .. } = *rollup;
        self.take_rollup(&Rollup { about, transaction, bytes, name }, sink);
        Ok(())
    }

    /// Returns what was found out since the last call.
    pub fn found_out(&mut self) -> Vec<Fact> {
        self.tables.facts.take_pending().map(Fact).collect()
    }

    /// Knows `fact` from here on.
    pub fn learn(&mut self, fact: Fact) {
        self.tables.facts.learn(fact.0);
    }
}
