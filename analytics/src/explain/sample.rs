//! The names an alert shows, each taken apart as the price sees it.

use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use serde::Serialize;

use super::decode::{decoded, quoted};
use super::stored::{StoredAlert, StoredSample};
use crate::price::{Expert, Pricer};

/// One name that the client asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SampleView {
    /// When it was asked.
    pub time: String,
    /// The type asked for.
    pub qtype: String,
    /// The name, escaped as in zone files.
    pub qname: String,
    /// Octets of the answer message, 0 without one.
    pub answer_bytes: u64,
    /// The price that was stored, in bits.
    pub bits: f64,
    /// The price that this version sets, in bits; `None` where the name cannot be read.
    pub bits_now: Option<f64>,
    /// The labels before the domain, neighbours of one encoding together.
    pub runs: Vec<Run>,
}

/// Neighbouring labels that the same expert prices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// What they look encoded with.
    pub encoding: &'static str,
    /// The labels, escaped, without dots.
    pub text: String,
    /// How many labels.
    pub labels: usize,
    /// Their octets.
    pub octets: usize,
    /// Their price without case and places, in bits.
    pub bits: f64,
    /// What they say where the encoding can be taken back.
    pub decoded: Option<String>,
}

/// A sample as a name, for whoever compares it with others.
pub(super) struct SampleName {
    pub(super) name: Name,
    pub(super) domain_at: usize,
    pub(super) sample: StoredSample,
}

/// Reads the samples whose names can be read; the domain is where the alert has it.
pub(super) fn names_of(alert: &StoredAlert) -> Vec<SampleName> {
    let reader = NameReader::default();
    let whole = alert.dns.question.registered_domain.is_none();
    let read = |sample: &StoredSample| {
        let name = Name::parse(&sample.qname).ok()?;
        let domain_at = if whole { name.wire().len() } else { usize::from(reader.read(&name).0) };
        Some(SampleName { name, domain_at, sample: sample.clone() })
    };
    alert.geophone.samples.iter().filter_map(read).collect()
}

impl SampleView {
    /// Prices `sample` once more and takes its labels apart.
    pub(super) fn of(sample: &SampleName, pricer: &Pricer) -> Self {
        let SampleName { name, domain_at, sample } = sample;
        let mut runs: Vec<(Expert, Vec<u8>, Run)> = Vec::new();
        let mut at = 0;
        for label in name.labels().take_while(|label| {
            let before = at < *domain_at;
            at += 1 + label.len();
            before
        }) {
            let price = pricer.price_label(label);
            match runs.last_mut() {
                Some((expert, octets, run)) if *expert == price.expert => {
                    octets.extend_from_slice(label);
                    run.labels += 1;
                    run.bits += price.bits.as_f64();
                }
                _ => runs.push((
                    price.expert,
                    label.to_vec(),
                    Run {
                        encoding: price.expert.name(),
                        text: String::new(),
                        labels: 1,
                        octets: 0,
                        bits: price.bits.as_f64(),
                        decoded: None,
                    },
                )),
            }
        }
        let finish = |(expert, octets, run): (Expert, Vec<u8>, Run)| Run {
            text: quoted(&octets),
            octets: octets.len(),
            bits: tenths(run.bits),
            decoded: decoded(&octets, expert),
            ..run
        };
        Self {
            time: sample.time.clone(),
            qtype: sample.qtype.clone(),
            qname: sample.qname.clone(),
            answer_bytes: sample.answer_bytes,
            bits: sample.bits,
            bits_now: Some(tenths(pricer.price(name, *domain_at).bits.as_f64())),
            runs: runs.into_iter().map(finish).collect(),
        }
    }

    /// Shows a sample whose name cannot be read.
    pub(super) fn unread(sample: &StoredSample) -> Self {
        Self {
            time: sample.time.clone(),
            qtype: sample.qtype.clone(),
            qname: sample.qname.clone(),
            answer_bytes: sample.answer_bytes,
            bits: sample.bits,
            bits_now: None,
            runs: Vec::new(),
        }
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_encoding_are_read_together() {
        let line = r#"{"event":{"id":"x"},"dns":{"question":{"registered_domain":"evil.com"}},
            "geophone":{"samples":[{"qname":"68656c6c6f2.c20776f726c64.www.evil.com"}]}}"#;
        let names = names_of(&StoredAlert::read(line).unwrap());
        let view = SampleView::of(&names[0], &Pricer::new());
        let runs: Vec<_> = view.runs.iter().map(|run| (run.encoding, run.labels)).collect();
        assert_eq!(runs, [("hex", 2), ("word", 1)]);
        assert_eq!(view.runs[0].decoded.as_deref(), Some("hex: \"hello, world\""));
        assert!(view.bits_now.unwrap() > 96.0);
    }
}
