//! What is remembered: bounded, whatever keys an attacker chooses.

mod key;
mod leak;
mod loss;
mod seen;
mod table;
mod wildcard;

pub use key::{Carries, KeyState, Novelty, Sighting};
pub use leak::{Bucket, LeakContract, TIERS, Tier};
pub use loss::{Loss, LossHistory};
pub use seen::SeenFilter;
pub use table::{Found, KeyTable};
pub use wildcard::Wildcards;
