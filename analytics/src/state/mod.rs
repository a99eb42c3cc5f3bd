//! What is remembered: bounded, whatever keys an attacker chooses.

mod account;
mod channel;
mod domain;
mod facts;
mod image;
mod key;
mod known;
mod leak;
mod lines;
mod loss;
mod saved;
mod seen;
mod sets;
mod tables;
mod wildcard;

pub(crate) use account::Charged;
pub use account::{Account, Ledger};
pub use channel::Channels;
pub(crate) use channel::{Signal, SignalPricer};
pub use domain::{DomainFacts, DomainTable};
pub(crate) use facts::Change;
pub use facts::{Facts, LAG};
pub use image::OtherSizes;
pub(crate) use image::{TablesImage, entries, refill};
pub use key::{Carries, FigureTable, Figures, KeyState, Novelty, Sighting};
pub use leak::{Bucket, Buckets, LeakContract, Scope, TIERS, Tier};
pub(crate) use loss::Minute;
pub use loss::{Loss, LossHistory};
pub use saved::SavedError;
pub(crate) use saved::{load_octets, save_octets};
pub use seen::SeenFilter;
pub(crate) use tables::Hashes;
pub use tables::Tables;
pub(crate) use wildcard::Wildcard;
pub use wildcard::Wildcards;
