//! The look-alike classes compiled in: what each is for fits, what a tunnel would ask does not.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::net::{IpAddr, Ipv4Addr};

use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::{AnswerFacts, Facts, Misfit, Rules, WhyNot};
use geophone_sensor::decode::rdata::type_number;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

/// 2026-01-01.
const DAY: Timestamp = Timestamp(1_767_225_600_000_000);

const ADDRESS: AnswerFacts = AnswerFacts { rcode: 0, n_addresses: 1, n_loopback: 0 };
const LOOPBACK: AnswerFacts = AnswerFacts { rcode: 0, n_addresses: 1, n_loopback: 1 };
const NXDOMAIN: AnswerFacts = AnswerFacts { rcode: 3, n_addresses: 0, n_loopback: 0 };

struct Asked {
    qname: Name,
    qtype: u16,
    answer: Option<AnswerFacts>,
}

impl Asked {
    fn new(qtype: &str, name: &str, answer: AnswerFacts) -> Self {
        Self {
            qname: Name::parse(name).unwrap(),
            qtype: type_number(qtype).unwrap(),
            answer: Some(answer),
        }
    }

    fn facts(&self) -> Facts<'_> {
        let (domain_at, name) = NameReader::default().read(&self.qname);
        Facts {
            qname: &self.qname,
            domain_at: usize::from(domain_at),
            suffix_known: name.suffix_known,
            qtype: self.qtype,
            time: DAY,
            answer: self.answer,
            same_answers: false,
        }
    }
}

/// The class that excuses a question.
fn class(rules: &Rules, qtype: &str, name: &str, answer: AnswerFacts) -> Option<String> {
    let asked = Asked::new(qtype, name, answer);
    rules.allow.find(&asked.facts()).map(|allow| allow.class.clone())
}

fn check(hits: &[(&str, &str, &str, AnswerFacts)], misses: &[(&str, &str, AnswerFacts)]) {
    let rules = Rules::builtin().unwrap();
    for (expected, qtype, name, answer) in hits {
        assert_eq!(class(&rules, qtype, name, *answer).as_deref(), Some(*expected), "{name}");
    }
    for (qtype, name, answer) in misses {
        assert_eq!(class(&rules, qtype, name, *answer), None, "{name}");
    }
}

#[test]
fn file_reputation() {
    let hash = "d41d8cd98f00b204e9800998ecf8427e";
    check(
        &[
            ("file-reputation", "A", "4z9p5tjmcbnblehp4557z1d136.avqs.mcafee.com", LOOPBACK),
            (
                "file-reputation",
                "A",
                "a-0.19-230f8211.8120180.1518.19f7.2f28.10.0.umaqhgmrknppz7c86mjivatdg6.avqs.mcafee.com",
                LOOPBACK,
            ),
            (
                "file-reputation",
                "TXT",
                "3.1o19ss00s2s17s4qp375sp49r830n2n4n923s8839052s7p7768s53365226pp3.659p1r741os37393.i.00.mac.sophosxl.net",
                ADDRESS,
            ),
            ("file-reputation", "A", "4.sophosxl.net", ADDRESS),
            ("file-reputation", "A", "mzxw6ytboi4tqnzrgm3d.x1.e5.sk", ADDRESS),
            ("file-reputation", "A", &format!("{hash}.malware.hash.cymru.com"), LOOPBACK),
            ("file-reputation", "TXT", &format!("{hash}.md5.dshield.org"), ADDRESS),
        ],
        &[
            ("A", "4z9p5tjmcbnblehp4557z1d13.avqs.mcafee.com", LOOPBACK),
            ("A", "4z9p5tjmcbnblehp4557z1d136.avqs.mcafee.com", ADDRESS),
            ("A", "4z9p5tjmcbnblehp4557z1d136.avqs.evilmcafee.com", LOOPBACK),
            ("NULL", &format!("{hash}.malware.hash.cymru.com"), LOOPBACK),
            ("TXT", "3.1o19ttzz.i.00.mac.sophosxl.net", ADDRESS),
        ],
    );
}

#[test]
fn block_lists() {
    let nibbles = ["f"; 32].join(".");
    let key = "abcdefghijklmnopqrstuvwxyz";
    check(
        &[
            ("dnsbl", "A", "4.3.2.1.zen.spamhaus.org", LOOPBACK),
            ("dnsbl", "A", "4.3.2.1.zen.spamhaus.org", NXDOMAIN),
            ("dnsbl", "A", &format!("{nibbles}.zen.spamhaus.org"), NXDOMAIN),
            ("dnsbl", "TXT", "4.3.2.1.bl.spamcop.net", NXDOMAIN),
            ("dnsbl", "A", &format!("4.3.2.1.{key}.sbl.dq.spamhaus.net"), LOOPBACK),
            ("dnsbl", "A", "4.3.2.1.dnsbl.sorbs.net", NXDOMAIN),
            ("dnsbl", "A", "4.3.2.1.a1b2c3d4e5f6.r.mail-abuse.com", LOOPBACK),
            ("dnswl", "A", "4.3.2.1.list.dnswl.org", LOOPBACK),
            ("uribl", "A", "example.com.multi.surbl.org", NXDOMAIN),
            ("uribl", "A", "www.example.co.uk.dbl.spamhaus.org", LOOPBACK),
            ("geoip", "A", "4.3.2.1.geoipd.global.sonicwall.com", ADDRESS),
            ("geoip", "TXT", "31.108.90.216.origin.asn.cymru.com", ADDRESS),
            ("geoip", "TXT", "as23028.asn.cymru.com", ADDRESS),
        ],
        &[
            ("A", "4.3.2.1.zen.spamhaus.org", ADDRESS),
            ("A", "4.3.2.256.zen.spamhaus.org", LOOPBACK),
            ("A", "mzxw6ytboi4tqnzrgm3d.zen.spamhaus.org", LOOPBACK),
            ("A", "4.3.2.1.zen.spamhaus.org.evil.com", LOOPBACK),
            ("A", "mzxw6ytboi4tqnzrgm3dmzxw6ytboi4t.com.multi.surbl.org", LOOPBACK),
            ("A", "example.multi.surbl.org", LOOPBACK),
        ],
    );
}

#[test]
fn content_delivery() {
    check(
        &[
            ("cdn", "A", "e4995.g.akamaiedge.net", ADDRESS),
            ("cdn", "A", "a1406.g.akamai.net", ADDRESS),
            ("cdn", "A", "www.example.com.edgekey.net", ADDRESS),
            ("cdn", "A", "d361oi6ppvq2ym.cloudfront.net", ADDRESS),
            ("cdn", "A", "dualstack.example.map.fastly.net", ADDRESS),
            ("cdn", "A", "myshop-cdn.azureedge.net", ADDRESS),
            ("object-store", "A", "myaccount01.blob.core.windows.net", ADDRESS),
            ("object-store", "A", "my-bucket.s3.eu-west-1.amazonaws.com", ADDRESS),
            ("object-store", "A", "ec2-203-0-113-25.compute-1.amazonaws.com", ADDRESS),
            ("object-store", "A", "gczx666.oss-cn-shenzhen.aliyuncs.com", ADDRESS),
            ("object-store", "A", "pic-1250000000.cos.ap-beijing.myqcloud.com", ADDRESS),
            ("video", "A", "r2---sn-4g5ednll.googlevideo.com", ADDRESS),
            ("video", "A", "ipv6-c231-ord001-ix.1.oca.nflxvideo.net", ADDRESS),
            ("video", "A", "aazw5tftuhvgn36b2st4iwvo2ymg7f6j377msd4x.r.nflxso.net", ADDRESS),
            ("cdn", "A", "scontent-kul2.xx.fbcdn.net", ADDRESS),
        ],
        &[
            ("A", "mzxw6ytboi4tqnzrgm3d.d361oi6ppvq2ym.cloudfront.net", ADDRESS),
            ("A", "mzxw6ytboi4tqnzrgm3d.cloudfront.net", ADDRESS),
            ("A", "mzxw6ytboi4tqnzrgm3dmzxw6.blob.core.windows.net", ADDRESS),
            ("A", "mzxw6ytboi4tqnzrgm3dmzxw6.googlevideo.com", ADDRESS),
            ("A", "e4995.g.akamaiedge.net.evil.com", ADDRESS),
        ],
    );
}

#[test]
fn inside_clouds_and_sites() {
    check(
        &[
            ("cloud-internal", "A", "ip-10-24-34-0.ec2.internal", ADDRESS),
            ("cloud-internal", "A", "ip-10-24-34-0.us-west-2.compute.internal", ADDRESS),
            ("cloud-internal", "A", "www.example.com.ec2.internal", NXDOMAIN),
            (
                "cloud-internal",
                "A",
                "hn0-hwclla.0iv2nyrmse1uvp2caa4e34jkmf.cx.internal.cloudapp.net",
                ADDRESS,
            ),
            ("cloud-internal", "A", "db1.sub03.vcn7.oraclevcn.com", ADDRESS),
            ("cloud-internal", "A", "metadata.google.internal", ADDRESS),
            ("kubernetes", "A", "web.shop.svc.cluster.local", ADDRESS),
            ("kubernetes", "A", "www.example.com.shop.svc.cluster.local", NXDOMAIN),
            ("kubernetes", "SRV", "_http._tcp.web.shop.svc.cluster.local", ADDRESS),
            ("home", "A", "printer.home.arpa", ADDRESS),
            ("browser-probe", "A", "sdhfjkwer", NXDOMAIN),
            ("browser-probe", "A", "sdhfjkwer.brazil.anhydro", NXDOMAIN),
            ("undelegated", "A", "printer-7.office.lan", NXDOMAIN),
        ],
        &[
            ("A", "mzxw6ytboi4tqnzrgm3d.ec2.internal", ADDRESS),
            ("A", "mzxw6ytboi4tqnzrgm3dknbsgezdgnbv.shop.pod.cluster.local", ADDRESS),
            ("A", "mzxw6ytboi4tqnzrgm3dknbs.home.arpa.evil.com", ADDRESS),
            ("A", "sdhfjkwer", ADDRESS),
            ("A", "sdhfjkwer.evil.com", NXDOMAIN),
        ],
    );
}

#[test]
fn mail_and_resolvers() {
    check(
        &[
            ("mail-policy", "TXT", "_dmarc.example.com", ADDRESS),
            ("mail-policy", "TXT", "_mta-sts.example.com", NXDOMAIN),
            ("mail-policy", "TXT", "_smtp._tls.example.com", ADDRESS),
            ("mail-policy", "TXT", "default._bimi.example.com", ADDRESS),
            ("mail-policy", "TXT", "selector1._domainkey.example.com", ADDRESS),
            ("mail-key", "TXT", "20230601._domainkey.example.com", ADDRESS),
            ("mail-key", "TXT", "example.com._report._dmarc.example.org", ADDRESS),
            ("mail-key", "TXT", "pef2kwnuu3iw7mxcu3hqscchduxctzey.dkim.amazonses.com", ADDRESS),
            ("spf-macro", "A", "4.3.2.1._spf.example.com", LOOPBACK),
            ("spf-macro", "TXT", "4.3.2.1.in-addr.example.com.spf.has.pphosted.com", ADDRESS),
            (
                "spf-macro",
                "TXT",
                "1.2.3.4._ip.mail.example.com._ehlo.example.com._spf.vali.email",
                ADDRESS,
            ),
            ("qname-minimisation", "A", "_.example.com", NXDOMAIN),
            ("qname-minimisation", "A", "_.dept.example.com", NXDOMAIN),
            ("trust-anchor", "NULL", "_ta-4f66", NXDOMAIN),
            ("trust-anchor", "NULL", "_ta-4a5c-4f66.example.com", NXDOMAIN),
            ("trust-anchor", "A", "root-key-sentinel-is-ta-20326.example.com", ADDRESS),
        ],
        &[
            ("NULL", "selector1._domainkey.example.com", ADDRESS),
            ("TXT", "mzxw6ytboi4tqnzrgm3dknbsgezdgnbvgy3tqojq._domainkey.evil.com", ADDRESS),
            ("TXT", "mzxw6ytb.oi4tqnzrgm3d.knbs._domainkey.evil.com", ADDRESS),
            ("TXT", "4.3.2.1.mzxw6ytboi4tqnzrgm3d.evil.com", ADDRESS),
            ("A", "_ta-4f66.evil.com", ADDRESS),
            ("NULL", "_ta-4f66aa.evil.com", NXDOMAIN),
            ("A", "_.mzxw6ytboi4tqnzrgm3dknbs.evil.com", NXDOMAIN),
        ],
    );
}

#[test]
fn enterprise_and_reverse() {
    let nibbles = "1.f.d.4.3.3.e.f.f.f.7.d.9.2.8.d.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f";
    let guid = "24c0627f-ee3b-438e-8019-3c7c557b94fe";
    check(
        &[
            ("search-suffix", "A", "www.example.com.corp.net", NXDOMAIN),
            ("directory", "SRV", "_ldap._tcp.dc._msdcs.example.com", ADDRESS),
            ("directory", "A", &format!("{guid}._msdcs.example.com"), ADDRESS),
            ("directory", "SRV", &format!("_ldap._tcp.{guid}.domains._msdcs.corp.local"), ADDRESS),
            ("directory", "SRV", "_ldap._tcp.lexington._sites.dc._msdcs.example.com", ADDRESS),
            ("service-discovery", "PTR", "lb._dns-sd._udp.example.com", NXDOMAIN),
            ("service-discovery", "A", "wpad.example.com", NXDOMAIN),
            ("service-discovery", "TLSA", "_25._tcp.mx1.example.com", ADDRESS),
            ("reverse", "PTR", "5.2.0.192.in-addr.arpa", ADDRESS),
            ("reverse", "PTR", "lb._dns-sd._udp.0.0.168.192.in-addr.arpa", NXDOMAIN),
            ("reverse", "PTR", &format!("{nibbles}.ip6.arpa"), ADDRESS),
            ("enum", "NAPTR", "4.3.2.1.5.5.5.9.4.e164.arpa", ADDRESS),
        ],
        &[
            ("A", "www.example.com.corp.net", ADDRESS),
            ("A", "mzxw6ytboi4tqnzrgm3dknbsgezdgnbv.com.evil.net", NXDOMAIN),
            ("A", "mzxw6ytboi4tqnzrgm3d._msdcs.evil.com", ADDRESS),
            ("PTR", "mzxw6ytboi4tqnzrgm3d.2.0.192.in-addr.arpa", ADDRESS),
            ("PTR", &format!("ab.{nibbles}.ip6.arpa"), ADDRESS),
            ("NAPTR", "41.3.2.1.e164.arpa", ADDRESS),
        ],
    );
}

#[test]
fn hosting_by_wildcard() {
    let rules = Rules::builtin().unwrap();
    let hash = "d41d8cd98f00b204e9800998ecf8427e";
    for (qtype, labels, same_answers, expected) in [
        ("A", hash.to_owned(), true, Some("wildcard-hosting")),
        ("A", hash.to_owned(), false, None),
        ("TXT", hash.to_owned(), true, None),
        ("A", format!("{hash}00"), true, None),
        ("A", format!("{hash}.{hash}"), true, None),
    ] {
        let asked = Asked::new(qtype, &format!("{labels}.example.net"), ADDRESS);
        let facts = Facts { same_answers, ..asked.facts() };
        let found = rules.allow.find(&facts).map(|allow| allow.class.as_str());
        assert_eq!(found, expected, "{qtype} {labels}");
    }
}

#[test]
fn telemetry_and_tests_of_resolvers() {
    let uuid = "1cb6e9d1-6ec9-43e9-8aa6-8f26a8229c16";
    check(
        &[
            (
                "measurement",
                "A",
                "0ei-u82fcf4f1-c165-s1512742299-i00000000.eue.dotnxdomain.net",
                ADDRESS,
            ),
            (
                "measurement",
                "DS",
                "0du-results-uf8c998ed-c233-a1ef2-s1730419189-i00000000-0.am.dotnxdomain.net",
                ADDRESS,
            ),
            ("measurement", "A", "12345678-dnsotls-ds.metric.gstatic.com", ADDRESS),
            ("resolver-test", "A", &format!("{uuid}.test.dnsleaktest.com"), NXDOMAIN),
            ("resolver-test", "A", &format!("{uuid}.is-doh.help.every1dns.net"), ADDRESS),
            ("web-frame", "A", "d-3740153453463437492.ampproject.net", ADDRESS),
            (
                "web-frame",
                "A",
                "fd662a7a3f921c440915d527e1165132.safeframe.googlesyndication.com",
                ADDRESS,
            ),
            ("bot-check", "A", "9ca2fd9f7800.57d71db7.us-east-1.token.awswaf.com", ADDRESS),
        ],
        &[
            ("A", "d-37401534534634374921234.ampproject.net", ADDRESS),
            ("A", "u82fcf4f1.mzxw6ytb.dotnxdomain.net", ADDRESS),
            ("A", "9ca2fd9f7800aa.57d71db7.us-east-1.token.awswaf.com", ADDRESS),
        ],
    );
}

/// What tunnels ask: free text in long labels, several of them, in several alphabets.
fn tunnel_labels() -> Vec<String> {
    let base32 = "mzxw6ytboi4tqnzrgm3dknbsgezdgnbvgy3tqojqmfrggzdfmztwq2lknnwg23";
    let base64 = "dGhpc0lzTm90QUhhc2gtYnV0X3BheWxvYWQtb2YtYS10dW5uZWwtQTBiMUMyRD";
    let hex = "74686973206973206e6f7420612068617368206275742061207061796c6f6164";
    vec![
        base32.to_owned(),
        base64.to_owned(),
        format!("{hex:.62}"),
        format!("{base32}.{base32}"),
        format!("{hex:.60}.{hex:.60}.{hex:.44}"),
        format!("{base32:.40}.{base64:.40}"),
        format!("paaa{base32:.57}.{base32:.50}"),
        format!("x\\255\\190\\188{base64:.50}"),
        format!("{base64:.48}.1.2.3"),
        format!("{base32:.48}._domainkey"),
    ]
}

#[test]
fn a_tunnel_under_any_allowed_domain_is_charged_in_full() {
    let rules = Rules::builtin().unwrap();
    let mut tried = 0;
    for allow in rules.allow.iter() {
        for domain in &allow.domains {
            for labels in tunnel_labels() {
                for answer in [ADDRESS, LOOPBACK] {
                    for qtype in ["A", "TXT", "NULL"] {
                        let name = format!("{labels}.{domain}");
                        let found = class(&rules, qtype, &name, answer);
                        assert_eq!(found, None, "{qtype} {name}");
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
}

#[test]
fn a_tunnel_under_a_domain_of_its_own_is_in_no_class() {
    let rules = Rules::builtin().unwrap();
    for labels in tunnel_labels() {
        for answer in [ADDRESS, LOOPBACK, NXDOMAIN] {
            for qtype in ["A", "CNAME", "TXT", "NULL", "SRV"] {
                let name = format!("{labels}.evil.com");
                assert_eq!(class(&rules, qtype, &name, answer), None, "{qtype} {name}");
            }
        }
    }
}

#[test]
fn what_holds_under_any_domain_gives_twice_the_contract_or_carries_nothing() {
    for allow in Rules::builtin().unwrap().allow.iter().filter(|allow| allow.is_structural()) {
        assert!(allow.budget <= 2 || allow.bits() == Some(0), "{}", allow.class);
    }
}

#[test]
fn every_class_has_a_shape_and_a_source() {
    for allow in Rules::builtin().unwrap().allow.iter() {
        let catch_all = allow.class == "undelegated";
        assert!(catch_all || !allow.shapes.is_empty(), "{} has no shape", allow.class);
        assert!(allow.source.is_some(), "{} has no source", allow.class);
    }
}

fn explain(qtype: &str, name: &str, answer: AnswerFacts) -> WhyNot {
    let asked = Asked::new(qtype, name, answer);
    Rules::builtin().unwrap().allow.explain(&asked.facts())
}

#[test]
fn an_alert_can_say_why_it_is_none_of_the_look_alikes() {
    let hash = "d41d8cd98f00b204e9800998ecf8427e";
    for (qtype, name, answer, class, misfit, told) in [
        (
            "A",
            "mzxw6ytboi4t.zen.spamhaus.org".to_owned(),
            LOOPBACK,
            Some("dnsbl"),
            Misfit::Shape,
            "class dnsbl at spamhaus.org, but the names are not <octets:4> or",
        ),
        (
            "A",
            "4.3.2.1.zen.spamhaus.org".to_owned(),
            ADDRESS,
            Some("dnsbl"),
            Misfit::Answer,
            "names like class dnsbl at spamhaus.org, but the answers are not loopback",
        ),
        (
            "NULL",
            format!("{hash}.malware.hash.cymru.com"),
            LOOPBACK,
            Some("file-reputation"),
            Misfit::Type,
            "but the type is not A or TXT",
        ),
        (
            "A",
            "4.3.2.1.zen.spamhaus.org".to_owned(),
            LOOPBACK,
            Some("dnsbl"),
            Misfit::BudgetUsedUp,
            "class dnsbl at spamhaus.org, but its budget of 50 times the leak contract is used up",
        ),
        (
            "A",
            format!("{hash}.evil.com"),
            ADDRESS,
            Some("web-frame"),
            Misfit::Domain,
            "names like class web-frame, but not under safeframe.googlesyndication.com",
        ),
        (
            "A",
            "www.example.com.evil.net".to_owned(),
            ADDRESS,
            Some("search-suffix"),
            Misfit::Answer,
            "names like class search-suffix, but the answers are not nxdomain",
        ),
        (
            "TXT",
            format!("{}.evil.com", tunnel_labels()[3]),
            ADDRESS,
            None,
            Misfit::NoClass,
            "no look-alike class has such names",
        ),
    ] {
        let why = explain(qtype, &name, answer);
        assert_eq!((why.class.as_deref(), why.misfit), (class, misfit), "{name}: {why}");
        assert!(why.to_string().contains(told), "{name}: {why}");
    }
}

#[test]
fn an_expired_class_says_so() {
    let mut asked = Asked::new("A", "4.3.2.1.dnsbl.sorbs.net", LOOPBACK);
    asked.answer = Some(NXDOMAIN);
    let facts = Facts { time: Timestamp(1_830_000_000_000_000), ..asked.facts() };
    let why = Rules::builtin().unwrap().allow.explain(&facts);
    assert_eq!(why.misfit, Misfit::Expired, "{why}");
}

#[test]
fn bits_of_classes_add_up_to_the_bits_allowed() {
    let mut config = Config::default();
    (config.state.keys, config.state.seen_names) = (64, 40_000);
    let mut analytics = Analytics::new(config, Rules::builtin().unwrap());
    let reader = NameReader::default();
    for n in 0..200_u32 {
        for name in [
            format!("{}.{}.2.1.zen.spamhaus.org", n % 250, n / 250),
            format!("key{n}._domainkey.example.com"),
            format!("printer-{n}.lan"),
            format!("host-{n}.example.org"),
        ] {
            let qname = Name::parse(&name).unwrap();
            let (domain_at, features) = reader.read(&qname);
            let mut transaction = Transaction {
                time: Timestamp(DAY.0 + i64::from(n) * 1_000_000),
                status: Status::Answered,
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
                qtype: 16,
                qname,
                domain_at,
                name: features,
                ..Transaction::default()
            };
            transaction.answer.rcode = 3;
            analytics.record(&Record::Transaction(&transaction), &mut |_| ());
        }
    }
    let counters = analytics.counters();
    assert_eq!(counters.imbalance(), None);
    let named = counters.named_classes();
    assert_eq!(
        named.keys().collect::<Vec<_>>(),
        ["allow.dnsbl", "allow.mail-key", "allow.undelegated"]
    );
    assert_eq!(named.values().sum::<u64>(), counters.bits_allowed);
    assert!(counters.bits_allowed < counters.bits_priced);
}

/// Names asked until the first alert, and the bytes they were priced at.
fn until_alert(labels: impl Fn(&str) -> String, qtype: u16, rcode: u16) -> (u32, f64) {
    let mut config = Config::default();
    (config.state.keys, config.state.seen_names) = (64, 40_000);
    let mut analytics = Analytics::new(config, Rules::builtin().unwrap());
    let reader = NameReader::default();
    let (mut state, mut opened) = (7_u64, false);
    for n in 0..4_000_u32 {
        let data: String = (0..32)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from_digit(u32::try_from((state >> 33) % 36).unwrap(), 36).unwrap()
            })
            .collect();
        let qname = Name::parse(&format!("{}.evil.com", labels(&data))).unwrap();
        let (domain_at, name) = reader.read(&qname);
        let mut transaction = Transaction {
            time: Timestamp(DAY.0 + i64::from(n) * 1_000),
            status: Status::Answered,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            qtype,
            qname,
            domain_at,
            name,
            ..Transaction::default()
        };
        transaction.answer.rcode = rcode;
        let about_names = |alert: &geophone_analytics::alert::Alert<'_>| {
            ["dns-tunnel", "dns-exfiltration"].contains(&&*alert.detector.id)
        };
        analytics
            .record(&Record::Transaction(&transaction), &mut |alert| opened |= about_names(alert));
        if opened {
            let bits = u32::try_from(analytics.counters().bits_priced).unwrap();
            return (n + 1, f64::from(bits) / 8.0);
        }
    }
    (u32::MAX, f64::INFINITY)
}

#[test]
fn whoever_imitates_a_class_that_holds_anywhere_gets_twice_the_contract() {
    type Labels = fn(&str) -> String;
    let imitations: [(Labels, u16, u16); 4] = [
        (|data| format!("{data}._domainkey"), 16, 0),
        (|data| format!("{}._bimi", &data.chars().take(16).collect::<String>()), 16, 0),
        (|data| format!("{}.com", &data.chars().take(24).collect::<String>()), 1, 3),
        (|data| format!("_ldap._tcp.{}._sites", &data.chars().take(24).collect::<String>()), 33, 0),
    ];
    for (labels, qtype, rcode) in imitations {
        let (names, bytes) = until_alert(labels, qtype, rcode);
        // 4 seconds at most, and the name that overflowed.
        let most = 2.0 * (512.0 + 4.0 * 4.0) + 64.0;
        assert!(bytes <= most, "{} of {names} names: {bytes} > {most}", labels("x"));
        assert!(bytes > 512.0, "{}: the class does not hold: {bytes}", labels("x"));
    }
}
