//! The transactions of one cell, and of the ordinary traffic around it.

use std::net::IpAddr;
use std::path::Path;

use geophone_sensor::config::SensorConfig;
use geophone_sensor::decode::rdata::{Answer, Payload};
use geophone_sensor::feature::{DomainRates, NameReader};
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

use super::cell::{Cell, Host, Jitter};
use super::encoding::Encoder;
use crate::evaluate::figure::{count, real};
use crate::evaluate::random::Random;
use crate::evaluate::run::records;
use crate::state::LeakContract;

/// Transactions of a benign capture that are used.
const BACKGROUND: usize = 1500;
/// Times the background comes again over a long attack.
const ROUNDS: i64 = 3;
/// Queries of an attack at least…
const LEAST_QUERIES: usize = 64;
/// …and at most.
const MOST_QUERIES: usize = 4000;
/// Octets of an answer's payload: an acknowledgement, not a download.
const ANSWER_BYTES: u32 = 16;
/// The client that does nothing else, and the server asked (RFC 5737: documentation only).
const OWN_CLIENT: [u8; 4] = [198, 51, 100, 7];
const SERVER: [u8; 4] = [198, 51, 100, 53];

/// One query of an attack.
pub(super) struct Leak {
    /// The exchange.
    pub(super) transaction: Transaction,
    /// The domain, as an index.
    pub(super) domain: usize,
    /// Octets of data it carries.
    pub(super) bytes: f64,
}

/// Ordinary traffic, in time order.
pub(super) struct Background {
    transactions: Vec<Transaction>,
}

/// An attack.
pub(super) struct Attack {
    /// Who leaks.
    pub(super) client: IpAddr,
    /// The registered domains.
    pub(super) domains: Vec<Name>,
    /// Its queries in time order.
    pub(super) leaks: Vec<Leak>,
}

impl Background {
    /// Reads the first transactions of the capture at `path`.
    pub(super) fn read(path: &Path, config: &SensorConfig) -> Self {
        let mut transactions = Vec::new();
        let _ = records(path, config, &mut |record| {
            if let Record::Transaction(transaction) = record
                && transactions.len() < BACKGROUND
            {
                transactions.push(transaction.clone());
            }
        });
        transactions.sort_by_key(|transaction: &Transaction| transaction.time);
        Self { transactions }
    }

    fn start(&self) -> Timestamp {
        self.transactions.first().map(|first| first.time).unwrap_or_default()
    }

    fn micros(&self) -> i64 {
        let end = self.transactions.last().map(|last| last.time).unwrap_or_default();
        i64::try_from(end.micros_since(self.start())).unwrap_or(0)
    }

    /// Returns the traffic, again at even distances until `end`.
    pub(super) fn until(&self, end: Timestamp) -> Vec<Transaction> {
        let own = self.micros().saturating_add(1_000_000);
        let span = i64::try_from(end.micros_since(self.start())).unwrap_or(0);
        let rounds = (span / own).clamp(0, ROUNDS - 1);
        let mut all = Vec::new();
        for round in 0..=rounds {
            let later = span.saturating_sub(own).max(0) / rounds.max(1) * round;
            all.extend(self.transactions.iter().map(|transaction| Transaction {
                time: Timestamp(transaction.time.0.saturating_add(later)),
                ..transaction.clone()
            }));
        }
        all
    }
}

/// Makes attacks.
pub(super) struct Attacker {
    encoder: Encoder,
    reader: NameReader,
}

impl Attacker {
    pub(super) fn new() -> Self {
        Self { encoder: Encoder::new(), reader: NameReader::default() }
    }

    /// Makes the attack of `cell`, long enough to break `contract` twice on each domain
    /// unless that takes too many queries.
    pub(super) fn attack(
        &self,
        (index, cell): (usize, &Cell),
        background: &Background,
        contract: &LeakContract,
    ) -> Attack {
        let mut random = Random::new(u64::try_from(index).unwrap_or_default());
        let client = match cell.host {
            Host::Own => None,
            Host::Benign => background
                .transactions
                .get(random.below(background.transactions.len()))
                .map(|transaction| transaction.client),
        };
        let client = client.unwrap_or_else(|| IpAddr::from(OWN_CLIENT));
        let domains: Vec<Name> = (0..cell.domains)
            .filter_map(|nth| Name::parse(&format!("inject{index}x{nth}.com")).ok())
            .collect();
        let mut rates = DomainRates::new(256, 0);
        let mut attack = Attack { client, domains, leaks: Vec::new() };
        let n_domains = real(count(cell.domains));
        let each = bytes_to_break(cell.rate / n_domains, contract);
        let (enough, mut sent) = (2.0 * n_domains * each, 0.0);
        let mut time = random.unit() * real(background.micros().unsigned_abs()) / 1e6;
        while (sent < enough || attack.leaks.len() < LEAST_QUERIES)
            && attack.leaks.len() < MOST_QUERIES
        {
            let nth = attack.leaks.len() % attack.domains.len().max(1);
            let Some(domain) = attack.domains.get(nth) else { break };
            let (qname, bytes) =
                self.encoder.encode(cell.encoding, cell.chunk, domain, &mut random);
            time += gap(cell.jitter, bytes / cell.rate, &mut random);
            sent += bytes;
            let at = Timestamp(background.start().0.saturating_add(micros(time)));
            let mut transaction = self.exchange(client, qname, cell.qtype, &mut random);
            transaction.time = at;
            transaction.rates = rates.count(transaction.domain_wire(), at);
            attack.leaks.push(Leak { transaction, domain: nth, bytes });
        }
        attack
    }

    fn exchange(
        &self,
        client: IpAddr,
        qname: Name,
        qtype: u16,
        random: &mut Random,
    ) -> Transaction {
        let (domain_at, name) = self.reader.read(&qname);
        let query_bytes = u32::from(name.length) + 18;
        let answer = answer(qtype, random);
        let port = 1024 + u16::try_from(random.below(60_000)).unwrap_or_default();
        Transaction {
            status: Status::Answered,
            client,
            server: IpAddr::from(SERVER),
            client_port: port,
            server_port: 53,
            qname,
            domain_at,
            qtype,
            qclass: 1,
            name,
            query_bytes,
            answer_bytes: query_bytes + 12 + answer.rdata_bytes,
            rtt_micros: Some(20_000),
            answer,
            ..Transaction::default()
        }
    }
}

fn answer(qtype: u16, random: &mut Random) -> Answer {
    let mut answer = Answer::default();
    answer.n_answers = 1;
    answer.ttls = Some((0, 0));
    answer.rdata_bytes = ANSWER_BYTES;
    let fingerprint = u32::try_from(random.next_u64() >> 32).unwrap_or(1);
    match Payload::of(qtype) {
        Payload::Address => answer.n_addresses = 1,
        Payload::Name => (answer.name_bytes, answer.fingerprint) = (ANSWER_BYTES, fingerprint),
        Payload::Opaque => (answer.opaque_bytes, answer.fingerprint) = (ANSWER_BYTES, fingerprint),
        Payload::Structured => {}
        Payload::Text => (answer.text_bytes, answer.fingerprint) = (ANSWER_BYTES, fingerprint),
    }
    answer
}

fn gap(jitter: Jitter, mean: f64, random: &mut Random) -> f64 {
    match jitter {
        Jitter::None => mean,
        Jitter::Third => mean * (0.7 + 0.6 * random.unit()),
        Jitter::Exponential => -mean * (1.0 - random.unit()).ln(),
    }
}

/// What may have left after `seconds` without an overflow of any bucket.
pub(super) fn allowed_bytes(contract: &LeakContract, seconds: f64) -> f64 {
    let allowed =
        contract.client_domain.iter().map(|b| b.burst_bytes + b.bytes_per_second * seconds);
    allowed.fold(f64::INFINITY, f64::min)
}

/// What leaves at `rate` until a bucket overflows; the largest burst where none ever does.
fn bytes_to_break(rate: f64, contract: &LeakContract) -> f64 {
    let bytes = contract.client_domain.iter().filter(|bucket| bucket.bytes_per_second < rate);
    let bytes = bytes.map(|b| b.burst_bytes * rate / (rate - b.bytes_per_second));
    let least = bytes.fold(f64::INFINITY, f64::min);
    let bursts = contract.client_domain.iter().map(|bucket| bucket.burst_bytes);
    if least.is_finite() { least } else { bursts.fold(0.0, f64::max) }
}

#[expect(clippy::cast_possible_truncation, reason = "an attack lasts days, not 292,000 years")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::inject::cell::sample;
    use crate::rule::Rules;

    fn background() -> Background {
        let transaction = Transaction { time: Timestamp(5_000_000), ..Transaction::default() };
        let later = Transaction { time: Timestamp(9_000_000), ..transaction.clone() };
        Background { transactions: vec![transaction, later] }
    }

    #[test]
    fn an_attack_sends_at_its_rate_from_one_client_over_its_domains() {
        let contract = Rules::builtin().unwrap().leak;
        let attacker = Attacker::new();
        for (index, cell) in sample(28, 1).iter().enumerate() {
            let attack = attacker.attack((index, cell), &background(), &contract);
            let sent: f64 = attack.leaks.iter().map(|leak| leak.bytes).sum();
            let first = attack.leaks[0].transaction.time;
            let last = attack.leaks.last().unwrap().transaction.time;
            let rate = sent / last.since(first).as_secs_f64();
            assert!((0.6..1.7).contains(&(rate / cell.rate)), "{cell:?} sends {rate}");
            assert_eq!(attack.domains.len(), cell.domains);
            assert!(attack.leaks.is_sorted_by_key(|leak| leak.transaction.time));
            for leak in &attack.leaks {
                let domain = attack.domains[leak.domain].to_string();
                assert_eq!(leak.transaction.domain_text(), domain, "{cell:?}");
                assert_eq!(leak.transaction.client, attack.client);
            }
        }
    }

    #[test]
    fn the_contract_is_the_least_of_its_buckets() {
        let contract = Rules::builtin().unwrap().leak;
        assert!((allowed_bytes(&contract, 1.0) - 516.0).abs() < 1e-9);
        assert!((allowed_bytes(&contract, 86_400.0) - 1536.0).abs() < 1e-9);
        assert!((bytes_to_break(1000.0, &contract) - 512_000.0 / 996.0).abs() < 1e-9);
    }

    #[test]
    fn the_background_comes_again_over_a_long_attack() {
        assert_eq!(background().until(Timestamp(6_000_000)).len(), 2);
        let long = background().until(Timestamp(1_000_000_000));
        assert_eq!(long.len(), 6);
        assert!(long.is_sorted_by_key(|transaction| transaction.time));
        assert!(long[5].time.0 > 900_000_000, "{:?}", long[5].time);
    }
}
