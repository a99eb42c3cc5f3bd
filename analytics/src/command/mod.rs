//! Subcommands that are no run: each has its flags and what it does in one file.

pub(crate) mod baseline;
pub(crate) mod dataset;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod history;
pub(crate) mod selftest;
pub(crate) mod tail;
pub(crate) mod topics;
pub(crate) mod what_if;
pub(crate) mod worker;

/// What a program says that was built without the feature `kafka`.
#[cfg(not(feature = "kafka"))]
pub(crate) const WITHOUT_KAFKA: &str = "this geophone was built without Kafka: build it with the \
                                        feature `kafka`, which is on unless --no-default-features \
                                        is given";

/// What a program says that was built without the feature `history`.
#[cfg(not(feature = "history"))]
const WITHOUT_PARQUET: &str = "this geophone was built without Parquet: build it with the feature \
                               `history`, which is on unless --no-default-features is given";
