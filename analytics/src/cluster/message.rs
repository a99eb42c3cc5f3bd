//! What nodes tell each other.

use geophone_kafka::envelope::EnvelopeError;
use geophone_sensor::record::RecordError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::pipeline::{Fact, OwnedRollup};

/// The first octet of every such message.
const VERSION: u8 = 4;

/// Where in the stream of a sensor something comes from. Orders what many nodes say as one process
/// would have met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The second that went on, by the clock of the node that says so.
    pub second: i64,
    /// A hash of the sensor's name.
    pub sensor: u64,
    /// Which start of the sensor.
    pub epoch: u64,
    /// The number of the record since that start.
    pub order: u64,
    /// What is told of one record has an order too.
    pub part: u16,
}

/// What one pair node tells one owner node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RollupBatch {
    /// The partition of the pair node.
    pub from: u32,
    /// What the worker judges by ([`Analytics::terms`](crate::pipeline::Analytics::terms)).
    pub terms: u64,
    /// Rollups in the order they were made.
    pub rollups: Vec<(Place, OwnedRollup)>,
    /// Ticks of sensors in their wire form: how far they are, and how much was lost.
    pub ticks: Vec<(Place, Vec<u8>)>,
    /// Nothing more will come of this second or any before it.
    pub complete: i64,
}

/// What one owner node tells everybody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactBatch {
    /// The partition of the owner node.
    pub from: u32,
    /// Facts, each with the second in which it was found out.
    pub facts: Vec<(i64, Fact)>,
    /// Nothing more will be found out of this second or any before it.
    pub complete: i64,
}

/// Why a message is of no use. It goes to the topic of the dead, with this reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Poison {
    /// It has no envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Its body is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It is of a schema or version that this program does not know.
    #[error("schema {schema:?} in version {version}, which this program does not know")]
    Schema {
        /// The letter of the schema.
        schema: char,
        /// Its version.
        version: u16,
    },
    /// It is no message between workers, or one of another version.
    #[error("not a message between workers of this version")]
    Form,
    /// The sensor hashes with another seed or counts other partitions.
    #[error("{0}")]
    Sensor(&'static str),
}

/// Returns `message` as octets.
#[must_use]
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    // Nothing that is written here can fail: there is no map without a length and no float key.
    postcard::to_extend(message, vec![VERSION]).unwrap_or_default()
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// Octets of another form or version.
pub fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Poison> {
    let body = octets.strip_prefix(&[VERSION]).ok_or(Poison::Form)?;
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(Poison::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_survives_and_every_cut_and_addition_is_refused() {
        let place = Place { second: 1, sensor: 2, epoch: 3, order: 4, part: 5 };
        let batch = RollupBatch {
            from: 7,
            terms: 5,
            rollups: Vec::new(),
            ticks: vec![(place, vec![1, 2])],
            complete: -3,
        };
        let octets = encode(&batch);
        let back: RollupBatch = decode(&octets).unwrap();
        assert_eq!((back.from, back.ticks, back.complete), (7, batch.ticks, -3));
        for cut in 0..octets.len() {
            assert!(decode::<RollupBatch>(&octets[..cut]).is_err());
        }
        assert!(decode::<RollupBatch>(&[octets, vec![0]].concat()).is_err());
    }
}
