//! What was wrong with a message: never an error, never a drop.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! defects {
    ($($(#[$doc:meta])* $variant:ident = $bit:literal => $name:literal,)*) => {
        /// One thing wrong with a message. The name in output is the snake_case form.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Defect { $($(#[$doc])* $variant = $bit,)* }

        impl Defect {
            /// Every defect, in the order of its bit.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name that records carry.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            const fn bit(self) -> u32 {
                match self { $(Self::$variant => 1 << $bit,)* }
            }
        }
    };
}

defects! {
    /// A compression pointer that points forward or at itself (RFC 1035 section 4.1.4: prior only).
    CompressionForward = 0 => "compression_forward",
    /// The header counts more entries than the message could hold.
    CountsExceed = 1 => "counts_exceed_message",
    /// The frame was cut by the capture's snap length inside the message.
    CutByCapture = 2 => "cut_by_capture",
    /// A label with a reserved type (RFC 1035 section 4.1.4: 01 and 10).
    LabelReserved = 3 => "label_reserved",
    /// More than one OPT record (RFC 6891 section 6.1.1).
    MultipleOpt = 4 => "multiple_opt",
    /// More than one question.
    MultipleQuestions = 5 => "multiple_questions",
    /// A name that runs past the end of the message.
    NameCut = 6 => "name_cut",
    /// A name over 255 octets (RFC 1035 section 2.3.4).
    NameTooLong = 7 => "name_too_long",
    /// An OPT record outside the additional section.
    OptMisplaced = 8 => "opt_misplaced",
    /// The question section could not be read.
    QuestionUnreadable = 9 => "question_unreadable",
    /// Record data that runs past the end of the message.
    RdataCut = 10 => "rdata_cut",
    /// Record data whose length does not fit its type.
    RdataLength = 11 => "rdata_length",
    /// Fewer records than the header counts.
    RecordsMissing = 12 => "records_missing",
    /// The reserved Z bit is set (RFC 1035 section 4.1.1).
    ReservedBit = 13 => "reserved_bit",
    /// Bytes after the last record.
    TrailingBytes = 14 => "trailing_bytes",
    /// An opcode nobody assigned.
    UnknownOpcode = 15 => "unknown_opcode",
}

/// The set of defects of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects(u32);

impl Defects {
    /// Adds `defect`.
    pub fn add(&mut self, defect: Defect) {
        self.0 |= defect.bit();
    }

    /// Returns the set as bits, in the order of [`Defect::ALL`].
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Returns the set of `bits`; `None` where one of them is no defect.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        let all = Defect::ALL.iter().fold(0, |all, defect| all | defect.bit());
        (bits & !all == 0).then_some(Self(bits))
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Tells whether `defect` is in the set.
    #[must_use]
    pub const fn has(self, defect: Defect) -> bool {
        self.0 & defect.bit() != 0
    }

    /// Tells whether nothing was wrong.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Walks the defects in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.iter().copied().filter(move |defect| self.has(*defect))
    }
}

impl Serialize for Defects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for defect in self.iter() {
            seq.serialize_element(defect.name())?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Defects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Defects;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of defect names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Defects, A::Error> {
                let mut set = Defects::default();
                while let Some(name) = seq.next_element::<String>()? {
                    let found = Defect::ALL.iter().find(|defect| defect.name() == name);
                    set.add(*found.ok_or_else(|| {
                        serde::de::Error::custom(format!("unknown defect \"{name}\""))
                    })?);
                }
                Ok(set)
            }
        }
        deserializer.deserialize_seq(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_travel_as_names_and_come_back() {
        for defect in Defect::ALL {
            let mut set = Defects::default();
            set.add(*defect);
            set.add(Defect::TrailingBytes);
            let text = serde_json::to_string(&set).unwrap();
            assert_eq!(serde_json::from_str::<Defects>(&text).unwrap(), set, "{text}");
        }
    }
}
