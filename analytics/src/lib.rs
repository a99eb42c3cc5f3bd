//! geophone-analytics: from records to alerts that explain themselves.
//!
//! One direction, one word per thing: *record* → *key state* → *verdict* → *alert* → *sink*.
//! A module uses only modules above it in this list:

pub mod alert;
pub mod config;
pub mod detect;
pub mod pipeline;
pub mod price;
pub mod replay;
pub mod rule;
pub mod severity;
pub mod sink;
pub mod state;
pub mod toml_file;
