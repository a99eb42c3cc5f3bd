//! geophone-analytics: from records to alerts that explain themselves.
//!
//! One direction, one word per thing: *record* → *key state* → *verdict* → *alert* → *sink*.
//! A module uses only modules above it in this list:

pub mod severity;
pub mod config;
pub mod price;
pub mod state;
pub mod detect;
pub mod rule;
pub mod alert;
pub mod pipeline;
pub mod sink;
pub mod replay;
pub mod evaluate;
