//! Topics made and compared with how they are meant to be.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

use crate::properties::{Link, Properties, PropertyError};
use crate::topic::TopicPlan;

/// How long brokers may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long they may be where nobody listens.
const AWAY: Duration = Duration::from_secs(3);
/// How long they are asked at a time, before complaints are looked at.
const STEP: Duration = Duration::from_secs(1);

/// Why topics are not as they are meant to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The brokers do not answer.
    #[error("cannot reach Kafka at {brokers}{trouble}: {source}")]
    Away {
        /// Where.
        brokers: String,
        /// What the client complained of.
        trouble: String,
        /// Why.
        source: Box<KafkaError>,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// A topic was refused.
    #[error("cannot make or change the topic {topic}: {why}")]
    Refused {
        /// The topic.
        topic: String,
        /// In the broker's words.
        why: String,
    },
}

/// How often a topic that was made is looked for.
const TRIES: u32 = 100;

/// What was found about one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is as it is meant to be.
    AsPlanned,
    /// It was not there and was made.
    Made,
    /// It had fewer partitions and was given more.
    Grown {
        /// How many it had.
        from: u32,
    },
    /// It is not there.
    Missing,
    /// It has fewer partitions than planned.
    TooFew {
        /// How many it has.
        found: u32,
    },
    /// It has more partitions than planned; none can be taken away.
    TooMany {
        /// How many it has.
        found: u32,
    },
    /// Its configuration differs: name, found, planned.
    Config(Vec<(String, String, String)>),
}

/// A topic's plan with what was found.
#[derive(Clone, Debug)]
pub struct TopicReport {
    /// How it is meant to be.
    pub plan: TopicPlan,
    /// How it is.
    pub finding: Finding,
}

impl TopicReport {
    /// Tells whether nothing is left to do.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        matches!(self.finding, Finding::AsPlanned | Finding::Made | Finding::Grown { .. })
    }
}

impl fmt::Display for TopicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicPlan { name, partitions, .. } = &self.plan;
        match &self.finding {
            Finding::AsPlanned => write!(f, "{name}: {partitions} partitions, as configured"),
            Finding::Made => write!(f, "{name}: made with {partitions} partitions"),
            Finding::Grown { from } => {
                write!(f, "{name}: grown from {from} to {partitions} partitions")
            }
            Finding::Missing => write!(f, "{name}: does not exist; run: geophone topics create"),
            Finding::TooFew { found } => write!(
                f,
                "{name}: has {found} partitions, {partitions} are configured; more partitions give \
                 keys new owners, so stop sensors and workers, then run: geophone topics create \
                 --grow; or set kafka.topics.partitions to {found}"
            ),
            Finding::TooMany { found } => write!(
                f,
                "{name}: has {found} partitions, {partitions} are configured; Kafka takes none away: \
                 set kafka.topics.partitions to {found}, or delete the topic and create it again"
            ),
            Finding::Config(differences) => {
                write!(f, "{name}: ")?;
                for (key, found, planned) in differences {
                    write!(f, "{key} is {found}, {planned} is configured; ")?;
                }
                let all: Vec<_> = differences
                    .iter()
                    .map(|(key, _, planned)| format!("{key}=[{planned}]"))
                    .collect();
                write!(
                    f,
                    "run: kafka-configs.sh --alter --topic {name} --add-config '{}', or configure \
                     what is there",
                    all.join(",")
                )
            }
        }
    }
}

/// Asks brokers about topics, and makes them.
pub struct Admin {
    client: AdminClient<Link>,
    /// Asks for metadata: unlike an admin client it hears what is wrong with a connection.
    asker: BaseProducer<Link>,
    link: Link,
    brokers: String,
}

impl Admin {
    /// Makes a client; brokers are not asked yet.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn new(properties: &Properties) -> Result<Self, AdminError> {
        let link = properties.link();
        let client = properties.connect(link.clone())?;
        let asker = properties.connect(link.clone())?;
        Ok(Self { client, asker, link, brokers: properties.brokers().to_owned() })
    }

    /// Returns how many partitions each topic of the cluster has.
    ///
    /// # Errors
    /// Brokers that do not answer.
    pub fn partitions(&self) -> Result<BTreeMap<String, u32>, AdminError> {
        let mut waited = Duration::ZERO;
        let metadata = loop {
            match self.asker.client().fetch_metadata(None, STEP) {
                Ok(metadata) => break metadata,
                Err(source) => {
                    self.asker.poll(Duration::ZERO);
                    waited += STEP;
                    // A login that is refused will be refused again.
                    let is_away = self.link.is_away() && waited >= AWAY;
                    if self.link.is_refused() || is_away || waited >= PATIENCE {
                        return Err(self.away(source));
                    }
                }
            }
        };
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(topics.map(|topic| (topic.name().to_owned(), count(topic.partitions().len()))).collect())
    }

    /// Compares the topics with their plans.
    ///
    /// # Errors
    /// Brokers that do not answer.
    pub fn check(&self, plans: Vec<TopicPlan>) -> Result<Vec<TopicReport>, AdminError> {
        let there = self.partitions()?;
        let mut reports = Vec::new();
        for plan in plans {
            let finding = match there.get(&plan.name) {
                None => Finding::Missing,
                Some(found) if *found < plan.partitions => Finding::TooFew { found: *found },
                Some(found) if *found > plan.partitions => Finding::TooMany { found: *found },
                Some(_) => self.compare_config(&plan)?,
            };
            reports.push(TopicReport { plan, finding });
        }
        Ok(reports)
    }

    /// Makes the topics that are missing, gives more partitions to those that have too few where
    /// `grow` says so, and leaves all others as they are.
    ///
    /// # Errors
    /// Brokers that do not answer or refuse.
    pub fn create(
        &self,
        plans: Vec<TopicPlan>,
        grow: Grow,
    ) -> Result<Vec<TopicReport>, AdminError> {
        let mut reports = self.check(plans)?;
        for report in &mut reports {
            match report.finding {
                Finding::Missing => report.finding = self.make(&report.plan)?,
                Finding::TooFew { found } if grow == Grow::Yes => {
                    self.grow(&report.plan)?;
                    self.wait_until_known(&report.plan)?;
                    report.finding = Finding::Grown { from: found };
                }
                _ => {}
            }
        }
        Ok(reports)
    }

    fn make(&self, plan: &TopicPlan) -> Result<Finding, AdminError> {
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(plan.replication.map_or(-1, count));
        let mut topic = NewTopic::new(&plan.name, count(plan.partitions), replication);
        for (name, value) in &plan.config {
            topic = topic.set(name, value);
        }
        let made = wait(self.client.create_topics([&topic], &options()));
        for result in made.map_err(|source| self.away(source))? {
            match result {
                Ok(_) => {}
                // Somebody else made it meanwhile.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => return Ok(Finding::AsPlanned),
                Err((topic, code)) => {
                    return Err(AdminError::Refused { topic, why: code.to_string() });
                }
            }
        }
        self.wait_until_known(plan)?;
        Ok(Finding::Made)
    }

    /// Waits until the broker that is asked knows the topic, too: the one that made it knows first.
    fn wait_until_known(&self, plan: &TopicPlan) -> Result<(), AdminError> {
        let known = |there: &BTreeMap<String, u32>| there.get(&plan.name) == Some(&plan.partitions);
        for _ in 0..TRIES {
            if known(&self.partitions()?) {
                break;
            }
            // Time for news to spread, and for complaints.
            self.asker.poll(STEP / 10);
        }
        Ok(())
    }

    fn grow(&self, plan: &TopicPlan) -> Result<(), AdminError> {
        let count = usize::try_from(plan.partitions).unwrap_or(usize::MAX);
        let more = NewPartitions::new(&plan.name, count);
        let grown = wait(self.client.create_partitions([&more], &options()));
        for result in grown.map_err(|source| self.away(source))? {
            result.map_err(|(topic, code)| AdminError::Refused { topic, why: code.to_string() })?;
        }
        Ok(())
    }

    fn compare_config(&self, plan: &TopicPlan) -> Result<Finding, AdminError> {
        let asked = [ResourceSpecifier::Topic(&plan.name)];
        let found = wait(self.client.describe_configs(&asked, &options()));
        let mut differences = Vec::new();
        for resource in found.map_err(|source| self.away(source))?.into_iter().flatten() {
            for (name, planned) in &plan.config {
                let value = resource.get(name).and_then(|entry| entry.value.clone());
                let value = value.unwrap_or_default();
                if !same_value(&value, planned) {
                    differences.push((name.clone(), value, planned.clone()));
                }
            }
        }
        Ok(if differences.is_empty() { Finding::AsPlanned } else { Finding::Config(differences) })
    }

    fn away(&self, source: KafkaError) -> AdminError {
        let trouble = self.link.trouble_words();
        AdminError::Away { brokers: self.brokers.clone(), trouble, source: Box::new(source) }
    }
}

/// Whether topics with too few partitions get more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grow {
    /// They are left as they are.
    No,
    /// They get more.
    Yes,
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// Lists are the same in any order.
fn same_value(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut parts: Vec<_> = text.split(',').map(str::trim).map(str::to_owned).collect();
        parts.sort_unstable();
        parts
    };
    sorted(one) == sorted(other)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for `future`, which another thread completes.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_its_cure() {
        let plan = TopicPlan {
            name: "geophone.records".to_owned(),
            partitions: 4,
            replication: None,
            config: BTreeMap::new(),
        };
        let words = |finding| TopicReport { plan: plan.clone(), finding }.to_string();
        assert!(words(Finding::Missing).contains("run: geophone topics create"));
        assert!(words(Finding::TooMany { found: 9 }).contains("set kafka.topics.partitions to 9"));
        assert!(words(Finding::TooFew { found: 2 }).contains("--grow"));
        let other = ("retention.ms".to_owned(), "1".to_owned(), "2".to_owned());
        assert!(words(Finding::Config(vec![other])).contains("--add-config 'retention.ms=[2]'"));
    }

    #[test]
    fn the_order_of_a_list_is_no_difference() {
        assert!(same_value("compact,delete", "delete, compact"));
        assert!(!same_value("compact", "compact,delete"));
    }

    #[test]
    fn waiting_ends_when_another_thread_is_done() {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let thread = thread::spawn(move || send.send(7).unwrap());
        let future = std::future::poll_fn(move |context| match receive.try_recv() {
            Ok(value) => Poll::Ready(value),
            Err(_) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        });
        assert_eq!(wait(future), 7);
        thread.join().unwrap();
    }
}
