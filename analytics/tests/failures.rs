//! Brokers that die, stand still or cannot be reached, and groups that never rest: no alert is missing, none is told twice, and buckets keep their level.

#![expect(clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "support/alone.rs"]
mod alone;
#[path = "support/cut.rs"]
mod cut;
#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;
#[path = "support/said.rs"]
mod said;
#[path = "support/site.rs"]
mod site;
#[path = "support/tap.rs"]
mod tap;

use std::env;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use geophone_kafka::patience::now;

use crate::alone::{capture, in_one_process};
use crate::cut::Cut;
use crate::lab::{Lab, not_covered, shared, signal};
use crate::site::{Site, compare};
use crate::tap::{Tap, steps_of};

/// A tunnel that three domains share, hours of it.
const TUNNEL: &str = "rotate-3.pcap.gz";
/// Seconds that a group does not rest: more by this variable.
const RESTLESS: &str = "GEOPHONE_REBALANCE_SECONDS";
/// Seconds that a broker stands still.
const STILL: Duration = Duration::from_secs(60);
/// Longer than a member may be silent (10 s) and than a transaction may be open (20 s).
const CUT: Duration = Duration::from_secs(30);

/// Three brokers, each with a copy of everything, for one test at a time: two of them go on, one does
/// not.
fn trio() -> MutexGuard<'static, Lab> {
    static LAB: OnceLock<Mutex<Lab>> = OnceLock::new();
    let lab = LAB.get_or_init(|| Mutex::new(Lab::of_its_own(3)));
    lab.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn leaders_that_are_killed_one_after_the_other_cost_nothing() {
    let lab = trio();
    if !lab.is_real() {
        return not_covered("brokers that are killed under workers");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::with_copies(&lab, dir.path(), 3);
    let expected = in_one_process(&capture(TUNNEL));
    let workers = [site.worker("0"), site.worker("1")];
    let (mut tap, mut steps) = (Tap::open(&site, "0", &[]), steps_of(&capture(TUNNEL), 7));
    let mut taken = 0;
    // Each of them leads something: a partition, the group, transactions.
    for broker in 1..=3 {
        tap.record(&capture(TUNNEL), steps.next().unwrap());
        taken = site.wait_for_more(taken);
        lab.stop(broker);
        tap.record(&capture(TUNNEL), steps.next().unwrap());
        // The other two go on.
        let began = now();
        taken = site.wait_for_more(taken);
        println!("broker {broker} killed: work went on after {:?}", began.elapsed());
        lab.revive(broker);
        site.wait_for_copies();
    }
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    site.is_there(&tap.end());
    site.wait_for_all();
    site.wait(expected.len(), |_| {});
    let stats = workers.map(|worker| worker.leave());
    site.balance(&stats);
    compare(&site.told(), &expected, "three leaders killed");
}

#[test]
fn a_broker_that_stands_still_for_a_minute_costs_nothing() {
    let lab = trio();
    if !lab.is_real() {
        return not_covered("a broker that stands still under workers");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::with_copies(&lab, dir.path(), 3);
    let expected = in_one_process(&capture(TUNNEL));
    let workers = [site.worker("0"), site.worker("1")];
    let (mut tap, mut steps) = (Tap::open(&site, "0", &[]), steps_of(&capture(TUNNEL), 3));
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    site.wait_for_more(0);
    let broker = lab.pid(2);
    signal("-STOP", &broker);
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    thread::sleep(STILL);
    signal("-CONT", &broker);
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    site.is_there(&tap.end());
    site.wait_for_all();
    site.wait(expected.len(), |_| {});
    let stats = workers.map(|worker| worker.leave());
    site.balance(&stats);
    compare(&site.told(), &expected, "a broker stood still");
}

#[test]
fn a_worker_that_is_cut_off_is_replaced_and_says_nothing_twice_when_it_is_back() {
    let lab = shared();
    let Some(cut) = Cut::new(lab) else {
        return println!("not covered, for lack of network namespaces of a user: a cut network");
    };
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    let expected = in_one_process(&capture(TUNNEL));
    let (far, near) = (site.worker_in("far", &cut.command()), site.worker("near"));
    far.wait_for_share();
    near.wait_for_share();
    let (mut tap, mut steps) = (Tap::open(&site, "0", &[]), steps_of(&capture(TUNNEL), 3));
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    let taken = site.wait_for_more(0);
    cut.off();
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    // It loses its share, whatever it was about.
    near.wait_for_partitions(8);
    thread::sleep(CUT);
    site.wait_for_more(taken);
    cut.on();
    tap.record(&capture(TUNNEL), steps.next().unwrap());
    site.is_there(&tap.end());
    site.wait_for_all();
    site.wait(expected.len(), |_| {});
    let stats = [far, near].map(|worker| worker.leave());
    site.balance(&stats);
    compare(&site.told(), &expected, "a worker cut off");
}

#[test]
fn a_group_that_never_rests_tells_what_one_process_tells() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("a group that never rests");
    }
    let seconds = env::var(RESTLESS).map_or(45, |text| text.parse().unwrap());
    let span = Duration::from_secs(seconds);
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    let expected = in_one_process(&capture(TUNNEL));
    let mut stats = Vec::new();
    thread::scope(|scope| {
        let sending = scope.spawn(|| site.send_over(&capture(TUNNEL), span));
        let (mut workers, mut names) = (Vec::new(), 0..);
        let began = now();
        while began.elapsed() < span || !sending.is_finished() {
            // One, two and three of them by turns, a change every three seconds.
            while workers.len() < 3 {
                workers.push(site.worker(&names.next().unwrap().to_string()));
                thread::sleep(Duration::from_secs(3));
            }
            stats.push(workers.remove(0).leave());
            thread::sleep(Duration::from_secs(3));
            stats.push(workers.remove(0).leave());
        }
        site.wait_for_all();
        site.wait(expected.len(), |_| {});
        stats.extend(workers.into_iter().map(|worker| worker.leave()));
    });
    compare(&site.told(), &expected, "a restless group");
    site.balance(&stats);
}
