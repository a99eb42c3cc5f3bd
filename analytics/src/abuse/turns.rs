//! Names that turn from public to private addresses, as a client at one server sees them.
//!
//! Whoever reads a record knows it, for it reads all of that client's records of the domain: so the
//! owner of a domain hears of the few answers that point inside, not of all that do not. A first turn
//! counts where the client met the domain a moment ago and few know it: only such names are followed
//! from their public side. A second turn counts always.

use std::time::Duration;

use geophone_sensor::limited::LimitedMap;
use geophone_sensor::record::{Status, Transaction, hash_of};
use serde::{Deserialize, Serialize};

use super::about::host_hash;
use super::seen::Roles;
use crate::state::{OtherSizes, entries, refill};

/// Names, and pairs of a client and a domain, that are followed at once.
const NAMES: u32 = 16_384;
const NEWCOMERS: u32 = 16_384;
/// An answer to be kept this long, in seconds, is meant to turn.
const SHORT: u32 = 60;
/// The same, where public and private addresses stand side by side: hosts with one leg inside and one
/// outside say so for longer.
const SHORTEST: u32 = 10;
/// How long a domain is one that a client has just met.
const NEW: Duration = Duration::from_secs(1200);
/// How soon a name turns back: while the page that asks is open.
const SOON: Duration = Duration::from_secs(600);

/// Where a name pointed when a server last answered a client.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Pointed {
    /// In seconds since the epoch.
    at: u32,
    private: bool,
    /// Whether it turned before.
    turned: bool,
}

/// The names that are followed.
pub(crate) struct Turns {
    names: LimitedMap<u64, Pointed>,
    /// When a client met a domain, in seconds since the epoch.
    newcomers: LimitedMap<u64, u32>,
}

/// An image of them.
#[derive(Serialize, Deserialize)]
pub(crate) struct TurnsImage {
    names: Vec<(u64, Pointed)>,
    newcomers: Vec<(u64, u32)>,
}

impl Turns {
    /// Makes room; `seed` keys the hashes.
    pub(crate) fn new(seed: u64) -> Self {
        Self { names: LimitedMap::new(NAMES, seed), newcomers: LimitedMap::new(NEWCOMERS, seed) }
    }

    /// Takes an exchange; tells whether its name turned inside in a way that counts.
    pub(crate) fn meet(&mut self, asked: &Transaction, roles: Roles) -> bool {
        let answer = &asked.answer;
        if asked.status != Status::Answered || answer.rcode != 0 || !asked.name.suffix_known {
            return false;
        }
        let now = u32::try_from(asked.time.micros() / 1_000_000).unwrap_or_default();
        let is_rare = roles.has(Roles::DOMAIN_RARE);
        let name = asked.qname.folded();
        let domain = || {
            let domain = name.from(usize::from(asked.domain_at));
            hash_of(domain, host_hash(asked.client))
        };
        if is_rare && roles.has(Roles::DOMAIN_NEW) && matches!(asked.qtype, 1 | 28 | 65) {
            put(&mut self.newcomers, domain(), now);
        }
        let Some(points) = Points::of(asked) else { return false };
        let private = points != Points::Outside;
        let is_new = is_rare && {
            let met = self.newcomers.find(&domain()).and_then(|slot| self.newcomers.value(slot));
            met.is_some_and(|met| u64::from(now.abs_diff(*met)) <= NEW.as_secs())
        };
        // Of one client and one server: where a name stands for one host inside and for another
        // outside, others are told otherwise, and so are clients that ask two resolvers.
        let hosts = host_hash(asked.client).rotate_left(1) ^ host_hash(asked.server);
        let key = hash_of(name.from(0), hosts ^ u64::from(asked.qtype));
        let Some(slot) = self.names.find(&key) else {
            if private || is_new {
                put(&mut self.names, key, Pointed { at: now, private, turned: false });
            }
            return false;
        };
        self.names.touch(slot);
        let Some(before) = self.names.value_mut(slot) else { return false };
        // From inside to outside is a captive portal that let the client through.
        let soon = u64::from(now.saturating_sub(before.at)) <= SOON.as_secs();
        let turns = private && (!before.private || points == Points::Both) && soon;
        let counts = turns && (is_new || before.turned);
        *before = Pointed { at: now, private, turned: before.turned || turns };
        counts
    }

    /// Returns an image.
    pub(crate) fn image(&self) -> TurnsImage {
        TurnsImage { names: entries(&self.names), newcomers: entries(&self.newcomers) }
    }

    /// Puts an image where nothing is known.
    pub(crate) fn put(&mut self, image: TurnsImage) -> Result<(), OtherSizes> {
        refill(&mut self.names, image.names)?;
        refill(&mut self.newcomers, image.newcomers)
    }
}

/// Where an answer points that is to be kept for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Points {
    Outside,
    Inside,
    /// Public and private addresses at once.
    Both,
}

impl Points {
    /// Returns where; `None` where it points nowhere or is to be kept for longer.
    pub(super) fn of(asked: &Transaction) -> Option<Self> {
        let answer = &asked.answer;
        let kept = answer.ttls.map(|(least, _)| least)?;
        let points = match answer.n_private {
            0 => Self::Outside,
            all if all == answer.n_addresses => Self::Inside,
            _ => Self::Both,
        };
        let most = if points == Self::Both { SHORTEST } else { SHORT };
        (answer.n_addresses > 0 && kept <= most).then_some(points)
    }
}

/// Puts a value, in the place of the one longest untouched where the map is full.
fn put<V: Default>(map: &mut LimitedMap<u64, V>, key: u64, value: V) {
    if let Some(slot) = map.find(&key) {
        map.release(slot);
    } else if map.is_full()
        && let Some(oldest) = map.oldest()
    {
        map.release(oldest);
    }
    if let Some((_, cell)) = map.claim(key) {
        *cell = value;
    }
}
