//! The `[kafka]` table, where this program was built with Kafka; passed over where it was not.

#[cfg(feature = "kafka")]
pub use geophone_kafka::settings::KafkaSettings;

#[cfg(not(feature = "kafka"))]
pub use without::KafkaSettings;

#[cfg(not(feature = "kafka"))]
mod without {
    use serde::de::IgnoredAny;
    use serde::{Deserialize, Deserializer, Serialize};

    /// What a program without Kafka reads of its settings: nothing.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
    pub struct KafkaSettings {}

    impl<'de> Deserialize<'de> for KafkaSettings {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            IgnoredAny::deserialize(deserializer).map(|_| Self {})
        }
    }
}
