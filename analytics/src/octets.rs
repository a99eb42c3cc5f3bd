//! Octets for serde as one piece, where a vector of numbers would go number by number: the same
//! form, written and read at once.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(octets)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    from.deserialize_byte_buf(Octets)
}

struct Octets;

impl Visitor<'_> for Octets {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("octets")
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Vec<u8>, E> {
        Ok(octets.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(octets)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct AtOnce(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn the_form_is_that_of_a_vector() {
        for octets in [vec![], vec![0, 255, 7], vec![9; 1_000]] {
            let written = postcard::to_stdvec(&AtOnce(octets.clone())).unwrap();
            assert_eq!(written, postcard::to_stdvec(&octets).unwrap());
            assert_eq!(postcard::from_bytes::<AtOnce>(&written), Ok(AtOnce(octets)));
        }
    }
}
