//! What a sensor says to every partition once a second of its time, so that a partition in which
//! nothing happens does not hold time back.

/// The letter of heartbeats in an envelope.
pub const SCHEMA: u8 = b'h';
/// The version of their form.
pub const VERSION: u16 = 1;

/// How far a sensor is. Times are microseconds since 1970 by the clock of its captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The latest capture time it reached.
    pub reached: i64,
    /// It will send nothing older than this any more, unless its frames come out of order.
    pub floor: i64,
    /// Partitions it spreads keys over: a worker that counts others reads another topic.
    pub partitions: u32,
    /// A hash of nothing under its seed: sensors that differ in it spread keys differently.
    pub seed_check: u64,
    /// Whether it was its last word: it ended in order.
    pub last: bool,
}

impl Heartbeat {
    /// Octets of a heartbeat.
    pub const OCTETS: usize = 29;

    /// Appends the heartbeat in network order.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.reached.to_be_bytes());
        out.extend_from_slice(&self.floor.to_be_bytes());
        out.extend_from_slice(&self.partitions.to_be_bytes());
        out.extend_from_slice(&self.seed_check.to_be_bytes());
        out.push(u8::from(self.last));
    }

    /// Reads a heartbeat; `None` where it is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let (reached, rest) = body.split_first_chunk()?;
        let (floor, rest) = rest.split_first_chunk()?;
        let (partitions, rest) = rest.split_first_chunk()?;
        let (seed_check, rest) = rest.split_first_chunk()?;
        let last = match rest {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        Some(Self {
            reached: i64::from_be_bytes(*reached),
            floor: i64::from_be_bytes(*floor),
            partitions: u32::from_be_bytes(*partitions),
            seed_check: u64::from_be_bytes(*seed_check),
            last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_survives_and_nothing_else_is_one() {
        let beat =
            Heartbeat { reached: -5, floor: i64::MIN, partitions: 24, seed_check: 7, last: true };
        let mut body = Vec::new();
        beat.write(&mut body);
        assert_eq!((body.len(), Heartbeat::read(&body)), (Heartbeat::OCTETS, Some(beat)));
        for cut in 0..body.len() {
            assert_eq!(Heartbeat::read(&body[..cut]), None);
        }
        body[28] = 2;
        assert_eq!(Heartbeat::read(&body), None);
    }
}
