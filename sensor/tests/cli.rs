//! The real binary, as a user would run it.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

#[cfg(test)]
mod support;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use assert_cmd::Command;
use geophone_sensor::record::from_json;
use geophone_sensor::time::Timestamp;

/// Lines with an exchange.
fn exchanges(output: &[u8]) -> usize {
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter(|line| from_json(line).unwrap().into_transaction().is_some()).count()
}

fn sensor() -> Command {
    Command::cargo_bin("geophone-sensor").unwrap()
}

fn exchange(seconds: i64, id: u16) -> Vec<(Timestamp, Vec<u8>)> {
    let query = support::query(id, &[b"www", b"example", b"com"], 1);
    let answer = support::answer(&query, 1, &[192, 0, 2, 1]);
    let at = |micros| Timestamp(seconds * 1_000_000 + micros);
    vec![
        (at(0), support::udp([10, 0, 0, 1], 4000 + id, &query, false)),
        (at(1500), support::udp([10, 0, 0, 1], 4000 + id, &answer, true)),
    ]
}

fn write(path: &Path, frames: &[(Timestamp, Vec<u8>)]) {
    fs::write(path, support::pcap(1, frames)).unwrap();
}

#[test]
fn replay_writes_records_that_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    write(&path, &exchange(100, 1));
    let run = sensor().arg("replay").arg(&path).assert().success();
    let line = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let lines: Vec<_> = line.lines().map(|line| from_json(line.as_bytes()).unwrap()).collect();
    assert_eq!(lines.len(), 2, "the exchange and its second");
    let record = lines[0].clone().into_transaction().unwrap();
    assert_eq!(record.qname.to_string(), "www.example.com");
    assert_eq!(record.rtt_micros, Some(1500));
    assert_eq!(record.answer_texts[0].data, "192.0.2.1");
}

#[test]
fn several_captures_come_in_time_order_whatever_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.pcap"), &[exchange(300, 1), exchange(500, 2)].concat());
    write(&folder.path().join("b.pcap"), &[exchange(100, 3), exchange(400, 4)].concat());
    let run = sensor().arg("replay").arg(folder.path()).assert().success();
    let ids: Vec<_> = String::from_utf8(run.get_output().stdout.clone())
        .unwrap()
        .lines()
        .filter_map(|line| from_json(line.as_bytes()).unwrap().into_transaction())
        .map(|transaction| transaction.id)
        .collect();
    assert_eq!(ids, [3, 1, 4, 2]);
}

#[test]
fn standard_input_is_a_capture_too() {
    let run =
        sensor().args(["replay", "-"]).write_stdin(support::pcap(1, &exchange(1, 1))).assert();
    let output = run.success().get_output().clone();
    assert_eq!(exchanges(&output.stdout), 1);
}

#[test]
fn a_damaged_capture_is_read_up_to_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap");
    let whole = support::pcap(1, &[exchange(1, 1), exchange(2, 2)].concat());
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let run = sensor().arg("replay").arg(&path).assert().code(1);
    let output = run.get_output();
    assert_eq!(exchanges(&output.stdout), 2);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("cut.pcap") && told.contains("after frame 3"), "{told}");
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, octets).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_capture_is_read_from_files_pipes_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap.gz");
    let packed = gzip(&support::pcap(1, &exchange(1, 1)));
    fs::write(&path, &packed).unwrap();
    let run = sensor().arg("replay").arg(&path).assert().success();
    assert_eq!(exchanges(&run.get_output().stdout), 1);
    let run = sensor().args(["replay", "-"]).write_stdin(packed.clone()).assert().success();
    assert_eq!(exchanges(&run.get_output().stdout), 1);
    // A pipe that has a name, alone and merged with a file.
    let run =
        sensor().args(["replay", "/dev/stdin"]).write_stdin(packed.clone()).assert().success();
    assert_eq!(exchanges(&run.get_output().stdout), 1);
    let other = folder.path().join("b.pcap");
    write(&other, &exchange(2, 2));
    let run =
        sensor().args(["replay", "/dev/stdin"]).arg(&other).write_stdin(packed).assert().success();
    assert_eq!(exchanges(&run.get_output().stdout), 2);
}

#[test]
fn a_capture_that_is_compressed_twice_is_refused() {
    let packed = gzip(&gzip(&support::pcap(1, &exchange(1, 1))));
    let run = sensor().args(["replay", "-"]).write_stdin(packed).assert().code(1);
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("compressed twice (gzip in gzip); unpack it once first"), "{told}");
}

#[test]
fn damage_of_the_compressed_layer_is_told_as_damage_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap.gz");
    let frames: Vec<_> = (1..200).flat_map(|index| exchange(i64::from(index), index)).collect();
    let packed = gzip(&support::pcap(1, &frames));
    fs::write(&path, &packed[..packed.len() - 9]).unwrap();
    let run = sensor().arg("replay").arg(&path).assert().code(1);
    assert!(exchanges(&run.get_output().stdout) > 150);
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    for part in ["cut.pcap.gz", "after frame 39", "its gzip layer is truncated", "copy it again"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_quoted_pattern_is_expanded_and_one_that_matches_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.pcap"), &exchange(1, 1));
    write(&folder.path().join("b.pcap1"), &exchange(2, 2));
    write(&folder.path().join("c.other"), &exchange(3, 3));
    let run = sensor().arg("replay").arg(folder.path().join("*.pcap*")).assert().success();
    assert_eq!(exchanges(&run.get_output().stdout), 2);
    let run = sensor().arg("replay").arg(folder.path().join("*.cap")).assert().code(1);
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("no file matches") && told.contains("*.cap"), "{told}");
}

/// With 300 MiB of address space, a file that claims more memory is an error and nothing else.
#[test]
fn a_capture_that_asks_for_much_memory_does_not_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile");
    // A window of 2 GiB; a frame of 16 MiB less one octet.
    let zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 1, 0, 0];
    let mut pcap = support::pcap(1, &[]);
    pcap.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0]);
    for octets in [zstd, pcap] {
        fs::write(&path, octets).unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 300000; exec \"$0\" replay -"])
            .arg(assert_cmd::cargo::cargo_bin("geophone-sensor"))
            .stdin(File::open(&path).unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("capture") && !told.contains("panicked"), "{told}");
    }
}

#[test]
fn a_followed_directory_is_read_as_it_fills_until_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("geophone-sensor"))
        .args(["replay", "--follow"])
        .arg(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut records = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next_exchange =
        || records.find_map(|line| from_json(line.unwrap().as_bytes()).unwrap().into_transaction());
    for number in 1..4 {
        // Written elsewhere and renamed, as a recorder's post-rotation command does it.
        let (hidden, path) = (folder.path().join(".part"), folder.path().join(format!("{number}")));
        write(&hidden, &exchange(i64::from(number), number));
        fs::rename(hidden, path).unwrap();
        assert_eq!(next_exchange().unwrap().id, number, "it comes while the program waits");
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").arg(id).status().unwrap().success());
    assert!(next_exchange().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_full_disk_is_told_with_its_cure() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    write(&path, &exchange(100, 1));
    let out = File::options().write(true).open(full).unwrap();
    let program = assert_cmd::cargo::cargo_bin("geophone-sensor");
    let mut command = std::process::Command::new(program);
    let run = command.arg("replay").arg(&path).stdout(out).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    let said = String::from_utf8(run.stderr).unwrap();
    let told = "cannot write records to standard output; make room there, or name another place: \
                No space left on device";
    assert!(said.contains(told), "{said}");
}
