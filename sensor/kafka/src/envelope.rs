//! What stands before the body of a message: which schema and version it is, who sent it, and
//! whether something before it is missing.
//!
//! In the payload, not in Kafka's headers: those cost four allocations a message, and more octets.

use std::hash::{BuildHasher as _, RandomState};

/// What every enveloped message begins with.
const MAGIC: [u8; 3] = *b"GPH";
/// Octets the name of a sensor may have.
pub const LONGEST_SENSOR: usize = 255;

/// Why a payload is not an enveloped message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It does not begin as one.
    #[error("not a message of geophone: it does not begin with GPH")]
    Magic,
    /// It ends within the envelope.
    #[error("the message ends within its envelope")]
    Short,
    /// The sensor's name is not UTF-8.
    #[error("the sensor's name is not UTF-8")]
    Sensor,
}

/// The envelope of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Which form the body has: one letter, given out by whoever makes bodies.
    pub schema: u8,
    /// The version of that form.
    pub version: u16,
    /// Which start of the sensor sent it: a number drawn at its start.
    pub epoch: u64,
    /// How many messages this start of the sensor sent to this partition before.
    pub sequence: u64,
    /// How many records this start of the sensor had made before, for whichever partition: the
    /// order of what stands in several.
    pub order: u64,
    /// The sensor's name.
    pub sensor: &'a str,
}

impl<'a> Envelope<'a> {
    /// Appends the envelope: magic, schema, version, epoch, sequence, order, length and name of the sensor,
    /// numbers in network order. The body comes behind it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(self.schema);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.order.to_be_bytes());
        let sensor = self.sensor.as_bytes().get(..LONGEST_SENSOR).unwrap_or(self.sensor.as_bytes());
        out.push(u8::try_from(sensor.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(sensor);
    }

    /// Reads an envelope; returns it and the body.
    ///
    /// # Errors
    /// A payload that does not begin with one.
    pub fn read(payload: &'a [u8]) -> Result<(Self, &'a [u8]), EnvelopeError> {
        let rest = payload.strip_prefix(&MAGIC).ok_or(EnvelopeError::Magic)?;
        let (schema, rest) = split::<1>(rest)?;
        let (version, rest) = split::<2>(rest)?;
        let (epoch, rest) = split::<8>(rest)?;
        let (sequence, rest) = split::<8>(rest)?;
        let (order, rest) = split::<8>(rest)?;
        let ([length], rest) = split::<1>(rest)?;
        let (sensor, body) =
            rest.split_at_checked(usize::from(length)).ok_or(EnvelopeError::Short)?;
        let sensor = std::str::from_utf8(sensor).map_err(|_| EnvelopeError::Sensor)?;
        let envelope = Self {
            schema: u8::from_be_bytes(schema),
            version: u16::from_be_bytes(version),
            epoch: u64::from_be_bytes(epoch),
            sequence: u64::from_be_bytes(sequence),
            order: u64::from_be_bytes(order),
            sensor,
        };
        Ok((envelope, body))
    }
}

/// Draws a number for one start of a sensor, from the system's randomness: two starts have the same
/// once in 2^64.
#[must_use]
pub fn draw_epoch() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn split<const N: usize>(octets: &[u8]) -> Result<([u8; N], &[u8]), EnvelopeError> {
    octets.split_first_chunk::<N>().map(|(head, rest)| (*head, rest)).ok_or(EnvelopeError::Short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_envelope_survives_and_every_cut_of_it_is_refused(
            schema: u8, version: u16, epoch: u64, sequence: u64, order: u64, sensor in "[a-zé]{0,40}", body: Vec<u8>,
        ) {
            let envelope = Envelope { schema, version, epoch, sequence, order, sensor: &sensor };
            let mut payload = Vec::new();
            envelope.write(&mut payload);
            let length = payload.len();
            payload.extend_from_slice(&body);
            prop_assert_eq!(Envelope::read(&payload), Ok((envelope, &body[..])));
            for cut in 0..length {
                prop_assert!(Envelope::read(&payload[..cut]).is_err());
            }
        }
    }

    #[test]
    fn two_starts_are_told_apart() {
        assert_ne!(draw_epoch(), draw_epoch());
    }
}
