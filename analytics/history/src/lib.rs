//! geophone-history: transactions as Parquet, and the questions an incident responder asks of it.
//!
//! The only crate that builds polars. It knows the records of the sensor and nothing of prices,
//! rules or alerts. A module uses only modules above it in this list:

pub mod schema;
pub mod error;
mod buffer;
pub mod writer;
mod read;
mod group;
pub mod exchange;
pub mod question;
pub mod novelty;

pub use error::HistoryError;
pub use exchange::Span;
pub use novelty::{DomainUse, Learning, domain_uses};
pub use question::{Answer, Cell, Question, Rank, ask};
pub use schema::Label;
pub use writer::FeatureWriter;
