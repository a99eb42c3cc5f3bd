//! Analytics spread over processes: rollups for owners elsewhere, and facts from them.

use std::net::IpAddr;

use geophone_sensor::record::{
    OwnedRecord, Record, RecordError, Transaction, Wire, from_wire, hash_of, to_json, to_wire,
};
#[cfg(all(test, feature = "kafka"))]
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Analytics;
use super::keys::Keys;
use super::wider::{About, Rollup};
use crate::abuse::{Notice, Sign};
use crate::alert::Alert;
use crate::price::NamePrice;
use crate::state::{Change, Novelty, Wildcards};

/// What an owner elsewhere is told about a transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnedRollup {
    /// Hash of whose it is, the same in every process with the same seed.
    pub owner: u64,
    kind: Kind,
    /// The letter of the record's schema.
    letter: u8,
    /// The record in its wire form.
    #[serde(with = "crate::octets")]
    record: Vec<u8>,
}

/// What an owner is to do with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kind {
    /// Charge the domain over all its clients; whether the client asked for the name for the first
    /// time.
    Domain { novel: bool, bytes: f64, name: Option<(Novelty, NamePrice)> },
    /// Charge the client's rotation.
    Rotation { bytes: f64, name: Option<(Novelty, NamePrice)> },
    /// Take it into a case.
    Case(Notice),
    /// What a host does; without a record.
    Sign(Sign),
}

/// Something that an owner found out, for everybody to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact(Change);

impl OwnedRollup {
    pub(super) fn of(rollup: &Rollup<'_>, seed: u64) -> Self {
        let Rollup { transaction, bytes, name, .. } = *rollup;
        let (owner, kind) = match rollup.about {
            About::Client { .. } => (of_client(transaction, seed), Kind::Rotation { bytes, name }),
            About::Domain { name: asked, .. } => {
                let novel = asked.is_some();
                (of_domain(transaction, seed), Kind::Domain { novel, bytes, name })
            }
        };
        Self::with(owner, kind, &Record::Transaction(transaction))
    }

    /// Makes one of a record that belongs to a case elsewhere.
    pub(super) fn of_notice(notice: Notice, record: &Record<'_>, seed: u64) -> Self {
        Self::with(notice.about.owner(record, seed), Kind::Case(notice), record)
    }

    /// Makes one of a sign of what a host does.
    pub(super) fn of_sign(sign: Sign, seed: u64) -> Self {
        Self { owner: sign.owner(seed), kind: Kind::Sign(sign), letter: 0, record: Vec::new() }
    }

    fn with(owner: u64, kind: Kind, record: &Record<'_>) -> Self {
        let mut octets = Vec::new();
        // A record always has a wire form.
        let letter = to_wire(record, &mut octets).map_or(0, Wire::letter);
        Self { owner, kind, letter, record: octets }
    }
}

impl OwnedRollup {
    /// Returns it in words: whose owner is told, what is charged, for which name, and the record.
    #[must_use]
    pub fn words(&self) -> Value {
        let price = |name: Option<(Novelty, NamePrice)>| {
            name.map(|(novelty, price)| {
                json!({ "price_bits": price.bits.as_f64(), "expert": price.expert.name(),
                        "charged_bytes": novelty.charged_bytes })
            })
        };
        let about = match self.kind {
            Kind::Domain { novel, bytes, name } => {
                json!({ "domain": { "novel": novel, "bytes": bytes, "name": price(name) } })
            }
            Kind::Rotation { bytes, name } => {
                json!({ "rotation": { "bytes": bytes, "name": price(name) } })
            }
            Kind::Case(notice) => json!({ "case": notice.words() }),
            Kind::Sign(sign) => {
                return json!({ "owner": format!("{:016x}", self.owner), "about": { "sign": sign } });
            }
        };
        json!({
            "owner": format!("{:016x}", self.owner),
            "about": about,
            "record": record_words(self.letter, &self.record),
        })
    }

    /// Returns how many octets its record takes.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.record.len()
    }

    /// Reads the record.
    fn record(&self) -> Result<OwnedRecord, RecordError> {
        read(self.letter, &self.record)
    }
}

impl Fact {
    /// Returns how many octets it takes in a message, beside a few.
    #[must_use]
    pub fn octets(&self) -> usize {
        match &self.0 {
            Change::Rotation { domains, .. } => domains.iter().map(|domain| domain.len() + 4).sum(),
            _ => 0,
        }
    }

    /// Makes one about a domain.
    #[cfg(all(test, feature = "kafka"))]
    pub(crate) fn of_domain(hash: u64) -> Self {
        Self(Change::Domain { hash, first: Timestamp(0), crowded: false })
    }

    /// Returns what a host is taken for, in words, where it is about that.
    #[must_use]
    pub fn guess(&self) -> Option<String> {
        match &self.0 {
            Change::Duty(guess) => Some(guess.to_string()),
            _ => None,
        }
    }

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
            Change::Duty(guess) => json!({ "guess": guess.to_string() }),
            Change::Rotation { client, domains } => {
                json!({ "rotation_of": hex(*client), "domains": domains })
            }
        }
    }
}

/// A record in its wire form as JSON; why not, where it cannot be read.
fn record_words(letter: u8, octets: &[u8]) -> Value {
    let record = match read(letter, octets) {
        Ok(record) => record,
        Err(error) => return json!({ "unreadable": error.to_string() }),
    };
    let mut line = Vec::new();
    to_json(&record.as_record(), &mut line).ok();
    serde_json::from_slice(&line).unwrap_or_default()
}

fn read(letter: u8, octets: &[u8]) -> Result<OwnedRecord, RecordError> {
    let wire = Wire::of(letter).ok_or_else(|| RecordError::Value {
        field: "kind",
        value: char::from(letter).to_string(),
    })?;
    from_wire(wire, octets)
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
        if let Kind::Sign(sign) = rollup.kind {
            self.take_sign(sign);
            return Ok(());
        }
        let owned = rollup.record()?;
        let (bytes, name, novel) = match rollup.kind {
            Kind::Case(notice) => {
                self.take_notice(notice, &owned.as_record(), sink);
                return Ok(());
            }
            Kind::Domain { novel, bytes, name } => (bytes, name, Some(novel)),
            Kind::Rotation { bytes, name } => (bytes, name, None),
            Kind::Sign(_) => return Ok(()),
        };
        let OwnedRecord::Transaction(transaction) = &owned else { return Ok(()) };
        self.now = transaction.time;
        self.close_idle(sink);
        let keys = Keys::of(transaction, &self.hasher);
        let about = match novel {
            None => About::Client { key: keys.client },
            Some(novel) => {
                let wildcard = || Wildcards::key(transaction, keys.domain, &self.hasher);
                let name = novel.then(|| (keys.site_name, wildcard()));
                About::Domain { key: keys.domain, client: keys.client, name }
            }
        };
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
