//! What is told: alerts that open, are updated and close, each with its reasons.

mod ecs;
mod event;
mod identity;
mod lifecycle;
mod part;
mod reason;
mod suspect;
mod suspects;
mod table;

pub use ecs::to_ecs;
pub use event::{Action, Alert, Confidence, Direction, Overflow};
pub use lifecycle::{Judgement, OpenAlert, Reasons};
pub use part::{Part, Parts};
pub use reason::rate;
pub(crate) use reason::{bytes, in_words};
pub use suspect::{Sample, Subject, Suspect};
pub use suspects::Suspects;
pub use table::{Style, to_table};
