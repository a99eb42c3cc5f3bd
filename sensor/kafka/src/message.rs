//! A message on its way to Kafka, and its form in batches and in the spool.

/// A keyed message for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Which of the outbox's topics it goes to.
    pub topic: u8,
    /// The partition, chosen by whoever made the key.
    pub partition: i32,
    /// The key; at most 65,535 octets.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Message<'a> {
    /// Appends the message: topic, partition, lengths of key and value, both; numbers in network
    /// order. Tells whether it did: a key or value that is too long is left out.
    pub fn write(&self, out: &mut Vec<u8>) -> bool {
        let lengths = (u16::try_from(self.key.len()), u32::try_from(self.value.len()));
        let (Ok(key), Ok(value)) = lengths else { return false };
        out.push(self.topic);
        out.extend_from_slice(&self.partition.to_be_bytes());
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
        true
    }

    /// Reads one message off the front; returns it and what is behind it.
    #[must_use]
    pub fn read(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let ([topic], rest) = octets.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_first_chunk()?;
        let key = usize::from(u16::from_be_bytes(*key));
        let value = usize::try_from(u32::from_be_bytes(*value)).ok()?;
        let (key, rest) = rest.split_at_checked(key)?;
        let (value, rest) = rest.split_at_checked(value)?;
        Some((Self { topic: *topic, partition: i32::from_be_bytes(*partition), key, value }, rest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_one_behind_the_other_are_read_back(
            all in proptest::collection::vec((any::<u8>(), any::<i32>(), any::<Vec<u8>>(), any::<Vec<u8>>()), 0..8)
        ) {
            let mut batch = Vec::new();
            for (topic, partition, key, value) in &all {
                let message = Message { topic: *topic, partition: *partition, key, value };
                prop_assert!(message.write(&mut batch));
            }
            let mut rest = &batch[..];
            for (topic, partition, key, value) in &all {
                let (message, behind) = Message::read(rest).unwrap();
                prop_assert_eq!(message, Message { topic: *topic, partition: *partition, key, value });
                rest = behind;
            }
            prop_assert!(rest.is_empty() && Message::read(rest).is_none());
        }
    }

    #[test]
    fn a_key_that_does_not_fit_is_left_out() {
        let key = vec![0; 65_536];
        let mut batch = Vec::new();
        assert!(!Message { topic: 0, partition: 0, key: &key, value: &[] }.write(&mut batch));
        assert!(batch.is_empty());
    }
}
