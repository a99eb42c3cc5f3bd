//! The consumer's side of a member: what the group takes away, and when.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;

use super::{Partition, STUCK};
use crate::properties::Link;

/// The consumer's context: remembers what was taken away.
#[derive(Clone, Default)]
pub(super) struct Member {
    pub(super) link: Link,
    lost: Arc<Mutex<Vec<Partition>>>,
    pub(super) ending: Arc<Ending>,
}

impl Member {
    pub(super) fn new(link: Link) -> Self {
        Self { link, ..Self::default() }
    }

    /// Returns what was taken away since the last call.
    pub(super) fn lost(&self) -> Vec<Partition> {
        std::mem::take(&mut self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a transaction ends at the moment.
#[derive(Default)]
pub(super) struct Ending {
    under_way: Mutex<bool>,
    over: Condvar,
}

impl Ending {
    pub(super) fn set(&self, under_way: bool) {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = under_way;
        self.over.notify_all();
    }

    /// Waits until none does, but not for ever.
    fn wait(&self) {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.over.wait_timeout_while(under_way, STUCK, |under_way| *under_way));
    }
}

impl ClientContext for Member {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Link::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.link.generate_oauth_token(config)
    }
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(gone) = rebalance {
            self.ending.wait();
            let gone = gone.elements().into_iter();
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.extend(gone.map(|part| (part.topic().to_owned(), part.partition())));
        }
    }
}
