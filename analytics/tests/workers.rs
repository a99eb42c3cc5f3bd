//! Workers that share the work over Apache Kafka tell what one process tells: however many they are,
//! and whatever dies.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "support/alone.rs"]
mod alone;
#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;
#[path = "support/said.rs"]
mod said;
#[path = "support/site.rs"]
mod site;
#[path = "support/tap.rs"]
mod tap;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::alone::{capture, in_one_process};
use crate::lab::{not_covered, shared, signal};
use crate::site::{Site, compare};
use crate::tap::{Tap, steps_of};

/// Starts a worker whose configuration has one more line.
fn other_worker(site: &Site<'_>, name: &str, line: &str) -> Child {
    let config = site.config.with_extension(name);
    let kept = fs::read_to_string(&site.config).unwrap();
    fs::write(&config, format!("{kept}{line}\n")).unwrap();
    let other = Site { lab: site.lab, settings: site.settings.clone(), config };
    let name = format!("{}-{name}", site.settings.topics.prefix);
    let group = &site.settings.topics.prefix;
    other
        .geophone(&["run", "--worker", &name, "--group", group])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn state_saved_under_other_settings_is_said_and_under_another_seed_refused() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("saved state of others");
    }
    let (dir, name) = (tempfile::tempdir().unwrap(), "demo-iodine.pcap");
    let site = Site::new(lab, dir.path());
    let first = site.worker("0");
    site.send(&capture(name));
    site.wait(in_one_process(&capture(name)).len(), |_| {});
    first.leave();

    let seeded = other_worker(&site, "seed", "[sensor]\nhash_seed = 77");
    let ended = seeded.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && said.contains("another sensor.hash_seed"), "{said}");

    let mut other = other_worker(&site, "other", "[alert]\nsamples = 3");
    // Open until the worker has left: it says more.
    let mut lines = BufReader::new(other.stderr.take().unwrap()).lines().map_while(Result::ok);
    let warned = lines.find(|line| line.contains("WARNING"));
    assert!(warned.unwrap().contains("under other rules or settings"));
    signal("-TERM", &other.id().to_string());
    assert!(other.wait().unwrap().success());
    drop(lines);
}

#[test]
fn one_two_and_four_workers_tell_what_one_process_tells() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("workers");
    }
    let names =
        ["demo-iodine.pcap", "iodine-raw.pcap.gz", "dnscat2-direct.pcap.gz", "split-5.pcap.gz"];
    for (name, workers) in names.into_iter().zip([1, 2, 4, 2]) {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(lab, dir.path());
        let expected = in_one_process(&capture(name));
        assert!(!expected.is_empty());
        let all: Vec<_> = (0..workers).map(|n| site.worker(&n.to_string())).collect();
        site.send(&capture(name));
        site.wait(expected.len(), |_| {});
        site.wait_for_all();
        let stats: Vec<_> = all.into_iter().map(|worker| worker.leave()).collect();
        site.balance(&stats);
        compare(&site.told(), &expected, &format!("{name}, {workers} workers"));
    }
}

#[test]
fn workers_that_are_killed_in_mid_tunnel_lose_nothing_and_tell_nothing_twice() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("workers that die");
    }
    let (dir, name) = (tempfile::tempdir().unwrap(), "rotate-3.pcap.gz");
    let site = Site::new(lab, dir.path());
    let expected = in_one_process(&capture(name));
    let mut workers = vec![site.worker("0"), site.worker("1")];
    site.send(&capture(name));
    let mut killed = 0;
    site.wait(expected.len(), |told| {
        // One dies after every alert, so that each of them has some of the work behind it.
        if told > killed && killed < 2 {
            workers.remove(0).kill();
            workers.push(site.worker(&killed.to_string()));
            killed += 1;
        }
    });
    assert!(killed > 0, "nobody was killed in time");
    workers.into_iter().for_each(|worker| drop(worker.leave()));
    compare(&site.told(), &expected, &format!("{name}, {killed} killed"));
}

#[test]
fn a_worker_with_a_place_of_its_own_comes_back_to_it() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("static membership");
    }
    let (dir, name) = (tempfile::tempdir().unwrap(), capture("demo-iodine.pcap"));
    let site = Site::new(lab, dir.path());
    let kept = fs::read_to_string(&site.config).unwrap();
    let own = "[kafka.properties]\n\"group.instance.id\" = \"first\"\n";
    fs::write(&site.config, format!("{kept}{own}")).unwrap();
    let worker = site.worker("0");
    let (mut tap, mut steps) = (Tap::open(&site, "0", &[]), steps_of(&name, 2));
    tap.record(&name, steps.next().unwrap());
    site.wait_for_more(0);
    worker.kill();
    let worker = site.worker("0");
    worker.wait_for_share();
    let members = site.members();
    assert!(matches!(members.as_slice(), [one] if one.starts_with("first-")), "{members:?}");
    tap.record(&name, steps.next().unwrap());
    site.is_there(&tap.end());
    site.wait_for_all();
    let expected = in_one_process(&name);
    site.wait(expected.len(), |_| {});
    worker.leave();
    compare(&site.told(), &expected, "a place of its own");
}

#[test]
fn a_worker_whose_words_nobody_reads_goes_on() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("words that nobody reads");
    }
    let (dir, name) = (tempfile::tempdir().unwrap(), capture("demo-iodine.pcap"));
    let site = Site::new(lab, dir.path());
    let group = &site.settings.topics.prefix;
    let mut run = site.geophone(&["run", "--group", group]);
    let mut worker = run.stderr(Stdio::piped()).spawn().unwrap();
    drop(worker.stderr.take());
    site.send(&name);
    let expected = in_one_process(&name);
    site.wait(expected.len(), |_| assert!(worker.try_wait().unwrap().is_none()));
    signal("-TERM", &worker.id().to_string());
    assert!(worker.wait().unwrap().success());
    compare(&site.told(), &expected, "nobody reads");
}

#[test]
fn where_the_other_worker_dies_one_goes_on_alone() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("a worker that dies");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    // Under the alert, and in buckets that take hours: what is owed outlives the worker.
    let name = capture("slow-half-hour.pcap.gz");
    let (dies, stays) = (site.worker("0"), site.worker("1"));
    dies.wait_for_share();
    stays.wait_for_share();
    let (mut tap, mut steps) = (Tap::open(&site, "0", &[]), steps_of(&name, 2));
    tap.record(&name, steps.next().unwrap());
    site.wait_for_more(0);
    dies.kill();
    tap.record(&name, steps.next().unwrap());
    site.is_there(&tap.end());
    site.wait_for_all();
    let expected = in_one_process(&name);
    assert!(!expected.is_empty());
    site.wait(expected.len(), |_| {});
    let stats = stays.leave();
    assert!(stats["worker.nodes_restored"].as_u64() > Some(4), "{stats:#}");
    compare(&site.told(), &expected, "one goes on alone");
}
