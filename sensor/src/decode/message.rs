//! One DNS message, read in layers: header, question, records.
//!
//! Each layer keeps what can be read and notes what is wrong, because one odd record must not hide
//! a message (hickory-proto's decoder is all or nothing, and costs about ten times as much; it is
//! the judge of this walker in the tests). Does not decode record data: see `rdata`.

use crate::decode::rdata::{Answer, Edns, Opt};
use crate::decode::wire::{read_name, skip_name, u16_at, u32_at};
use crate::defect::{Defect, Defects};
use crate::name::Name;

/// Octets of the header (RFC 1035 section 4.1.1).
pub const HEADER: usize = 12;

/// Octets of a record after its name: type, class, TTL and data length (RFC 1035 section 4.1.3).
const RECORD_FIXED: usize = 10;

/// The OPT pseudo record (RFC 6891).
const TYPE_OPT: u16 = 41;

/// The second 16 bits of the header (RFC 1035 section 4.1.1, RFC 2535 section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// QR: this is a response.
    #[must_use]
    pub const fn response(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// The operation: 0 query, 4 notify, 5 update, 6 stateful.
    #[must_use]
    pub fn opcode(self) -> u8 {
        u8::try_from((self.0 >> 11) & 0xf).unwrap_or_default()
    }

    /// AA: the answer comes from the authority.
    #[must_use]
    pub const fn authoritative(self) -> bool {
        self.0 & 0x0400 != 0
    }

    /// TC: the answer was cut, ask again over TCP.
    #[must_use]
    pub const fn truncated(self) -> bool {
        self.0 & 0x0200 != 0
    }

    /// RA: the server resolves for others (RFC 1035 section 4.1.1).
    #[must_use]
    pub const fn recursion_available(self) -> bool {
        self.0 & 0x0080 != 0
    }

    /// RD: recursion desired.
    #[must_use]
    pub const fn recursion_desired(self) -> bool {
        self.0 & 0x0100 != 0
    }

    /// The reserved Z bit.
    #[must_use]
    pub const fn reserved(self) -> bool {
        self.0 & 0x0040 != 0
    }

    /// The lower four bits of the response code.
    #[must_use]
    pub const fn rcode(self) -> u16 {
        self.0 & 0xf
    }
}

/// What could be read of a message. Reused from message to message, so it allocates once.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The id that pairs a query with its answer.
    pub id: u16,
    /// The header's flags.
    pub flags: Flags,
    /// Octets of the message.
    pub bytes: u32,
    /// The name asked for, in the case it was asked; the readable part where it is broken.
    pub qname: Name,
    /// The type asked for, 0 where there is no readable question.
    pub qtype: u16,
    /// The class asked for, 0 where there is no readable question.
    pub qclass: u16,
    /// Whether a question was there and could be read.
    pub has_question: bool,
    /// The OPT record.
    pub edns: Option<Edns>,
    /// What the answer section carries.
    pub answer: Answer,
    /// What was wrong.
    pub defects: Defects,
}

/// What kind of payload was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message with QR set to 0.
    Query,
    /// A message with QR set to 1.
    Response,
    /// Long enough for a header, but its counts cannot be and its question cannot be read.
    NotDns,
    /// Shorter than a header.
    Short,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Answer,
    Authority,
    Additional,
}

impl Message {
    /// Reads `data`, replacing what was here before.
    ///
    /// Never fails: what is wrong is in `defects`, and the kind tells payloads that are not DNS.
    pub fn read(&mut self, data: &[u8]) -> Kind {
        self.reset(data);
        let (Some(id), Some(flags)) = (u16_at(data, 0), u16_at(data, 2)) else {
            return Kind::Short;
        };
        let [Some(questions), Some(answers), Some(authority), Some(additional)] =
            [4, 6, 8, 10].map(|at| u16_at(data, at))
        else {
            return Kind::Short;
        };
        self.id = id;
        self.flags = Flags(flags);
        self.answer.rcode = self.flags.rcode();
        (self.answer.n_answers, self.answer.n_authority, self.answer.n_additional) =
            (answers, authority, additional);
        self.note_header([questions, answers, authority, additional], data.len());

        if let Some(at) = self.read_questions(data, questions) {
            self.read_sections(data, at);
        }
        let unreadable = self.defects.has(Defect::QuestionUnreadable);
        if unreadable && self.defects.has(Defect::CountsExceed) {
            Kind::NotDns
        } else if self.flags.response() {
            Kind::Response
        } else {
            Kind::Query
        }
    }

    fn reset(&mut self, data: &[u8]) {
        self.bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.qname.clear();
        self.qtype = 0;
        self.qclass = 0;
        self.has_question = false;
        self.edns = None;
        self.answer.reset();
        self.defects = Defects::default();
    }

    fn note_header(&mut self, counts: [u16; 4], length: usize) {
        let [questions, answers, authority, additional] = counts.map(usize::from);
        // The least a question takes is 5 octets, a record 11.
        if HEADER + questions * 5 + (answers + authority + additional) * 11 > length {
            self.defects.add(Defect::CountsExceed);
        }
        if self.flags.reserved() {
            self.defects.add(Defect::ReservedBit);
        }
        // RFC 6895 section 2.2: 0, 1, 2, 4, 5 and 6 (RFC 8490) are assigned.
        if !matches!(self.flags.opcode(), 0 | 1 | 2 | 4 | 5 | 6) {
            self.defects.add(Defect::UnknownOpcode);
        }
        if questions > 1 {
            self.defects.add(Defect::MultipleQuestions);
        }
    }

    /// Reads the first question, steps over the others; returns where the records begin.
    fn read_questions(&mut self, data: &[u8], count: u16) -> Option<usize> {
        let mut at = HEADER;
        for index in 0..count {
            let behind =
                if index == 0 { read_name(data, at, &mut self.qname) } else { skip_name(data, at) };
            let fields = behind.and_then(|behind| {
                let qtype = u16_at(data, behind).ok_or(Defect::NameCut)?;
                let qclass = u16_at(data, behind + 2).ok_or(Defect::NameCut)?;
                Ok((behind + 4, qtype, qclass))
            });
            match fields {
                Ok((next, qtype, qclass)) => {
                    at = next;
                    if index == 0 {
                        (self.qtype, self.qclass, self.has_question) = (qtype, qclass, true);
                    }
                }
                Err(defect) => {
                    self.defects.add(defect);
                    if index == 0 {
                        self.defects.add(Defect::QuestionUnreadable);
                    }
                    return None;
                }
            }
        }
        Some(at)
    }

    fn read_sections(&mut self, data: &[u8], mut at: usize) {
        for (section, count) in [
            (Section::Answer, self.answer.n_answers),
            (Section::Authority, self.answer.n_authority),
            (Section::Additional, self.answer.n_additional),
        ] {
            for _ in 0..count {
                match self.read_record(data, at, section) {
                    Ok(next) => at = next,
                    Err(defect) => {
                        self.defects.add(defect);
                        self.defects.add(Defect::RecordsMissing);
                        return;
                    }
                }
            }
        }
        // A stateful operation counts no records: what follows is in a form of its own (RFC 8490
        // section 5.4).
        if at < data.len() && self.flags.opcode() != 6 {
            self.defects.add(Defect::TrailingBytes);
        }
    }

    fn read_record(&mut self, data: &[u8], at: usize, section: Section) -> Result<usize, Defect> {
        let fixed = skip_name(data, at)?;
        let kind = u16_at(data, fixed).ok_or(Defect::NameCut)?;
        let class = u16_at(data, fixed + 2).ok_or(Defect::NameCut)?;
        let ttl = u32_at(data, fixed + 4).ok_or(Defect::NameCut)?;
        let length = u16_at(data, fixed + 8).ok_or(Defect::NameCut)?;
        let start = fixed + RECORD_FIXED;
        let end = start + usize::from(length);
        let rdata = data.get(start..end).ok_or(Defect::RdataCut)?;
        if kind == TYPE_OPT {
            self.note_opt(class, ttl, rdata, section);
        } else if section == Section::Answer && !self.answer.add(kind, ttl, rdata) {
            self.defects.add(Defect::RdataLength);
        }
        Ok(end)
    }

    fn note_opt(&mut self, class: u16, ttl: u32, rdata: &[u8], section: Section) {
        if section != Section::Additional {
            self.defects.add(Defect::OptMisplaced);
        }
        if self.edns.is_some() {
            self.defects.add(Defect::MultipleOpt);
            return;
        }
        let opt = Opt::read(class, ttl, rdata);
        if !opt.options_fit {
            self.defects.add(Defect::RdataLength);
        }
        if self.flags.response() {
            self.answer.rcode |= opt.extended_rcode << 4;
        }
        self.edns = Some(opt.edns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for `a.example` with the given counts and tail.
    fn message(flags: u16, counts: [u16; 4], tail: &[u8]) -> Vec<u8> {
        let mut data = vec![0x12, 0x34];
        data.extend(flags.to_be_bytes());
        for count in counts {
            data.extend(count.to_be_bytes());
        }
        data.extend(b"\x01a\x07example\x00\x00\x10\x00\x01");
        data.extend(tail);
        data
    }

    fn read(data: &[u8]) -> (Kind, Message) {
        let mut message = Message::default();
        (message.read(data), message)
    }

    const OPT: &[u8] = b"\x00\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00";

    #[test]
    fn a_second_opt_record_is_a_defect_not_a_loss() {
        let (kind, read) = read(&message(0x0100, [1, 0, 0, 2], &[OPT, OPT].concat()));
        assert_eq!(kind, Kind::Query);
        assert_eq!(read.qname.to_string(), "a.example");
        assert_eq!(read.qtype, 16);
        assert_eq!(read.edns.unwrap().udp_size, 4096);
        assert_eq!(read.defects.iter().collect::<Vec<_>>(), [Defect::MultipleOpt]);
    }

    #[test]
    fn an_answer_that_is_cut_keeps_the_question_and_the_records_before() {
        let good = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x05\x00\x03\x02hi";
        let bad = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x05\x00\x63\x02hi";
        let (kind, read) = read(&message(0x8180, [1, 2, 0, 0], &[&good[..], bad].concat()));
        assert_eq!(kind, Kind::Response);
        assert_eq!(read.answer.text_bytes, 2);
        assert!(read.has_question && read.defects.has(Defect::RdataCut));
    }

    #[test]
    fn payloads_that_cannot_be_messages_are_told_apart() {
        assert_eq!(read(b"\x10\xd1\x9e\x10\x00").0, Kind::Short);
        assert_eq!(read(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").0, Kind::NotDns);
        assert_eq!(read(&[0; 12]).0, Kind::Query, "a header alone is a message");
    }

    #[test]
    fn trailing_bytes_and_odd_headers_are_noted() {
        let (_, read) = read(&message(0x7940, [1, 0, 0, 0], b"junk"));
        for defect in [Defect::TrailingBytes, Defect::ReservedBit, Defect::UnknownOpcode] {
            assert!(read.defects.has(defect), "{defect:?}");
        }
    }
}
