//! One DNS message, beside hickory-proto's strict decoder.

use geophone_sensor::decode::message::{Kind, Message};
use geophone_sensor::decode::rdata::answers_in_words;
use hickory_proto::op::Message as HickoryMessage;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// Runs one input: what hickory-proto reads whole, we read the same.
pub fn run(data: &[u8]) {
    let mut ours = Message::default();
    let kind = ours.read(data);
    assert!(answers_in_words(data, 8).len() <= 8);
    let mut decoder = BinDecoder::new(data);
    let Ok(judge) = HickoryMessage::read(&mut decoder) else { return };
    assert!(matches!(kind, Kind::Query | Kind::Response), "{kind:?}, but hickory reads it");
    assert_eq!(ours.id, judge.metadata.id);
    if let [question] = &judge.queries[..] {
        assert!(ours.has_question);
        assert!(ours.qname.labels().eq(question.name().iter()), "{} is read", ours.qname);
        assert_eq!(ours.qtype, u16::from(question.query_type()));
        assert_eq!(ours.qclass, u16::from(question.query_class()));
    }
}
