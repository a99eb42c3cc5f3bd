//! geophone-sensor: from the frames of a mirror port or a capture file to records of features.
//!
//! One direction, one word per thing: *frame* → *segment* → *message* → *transaction* → *record*.
//! A module uses only modules above it in this list:

pub mod time;
pub mod words;
pub mod toml_file;
pub mod limited;
pub mod name;
pub mod defect;
pub mod counter;
pub mod capture;
#[cfg(target_os = "linux")]
pub mod privilege;
pub mod feature;
pub mod decode;
pub mod record;
pub mod transaction;
pub mod tick;
pub mod config;
pub mod pipeline;
pub mod output;
pub mod signals;
#[cfg(target_os = "linux")]
pub mod live;
#[cfg(target_os = "linux")]
pub mod command;
