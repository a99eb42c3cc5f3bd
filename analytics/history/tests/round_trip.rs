//! Feature files read back: what stands in them is what the JSON records of the same capture say.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use geophone_history::schema::{COLUMNS, LABEL_COLUMNS};
use geophone_history::{
    Cell, FeatureWriter, HistoryError, Label, Learning, Question, Rank, Span, ask, domain_uses,
};
use geophone_sensor::capture::{CaptureSet, FrameSource as _};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::{Record, Transaction, to_json};
use polars::prelude::{
    AnyValue, Column, DataFrame, IntoColumn as _, NamedFrom as _, ParquetReader, ParquetWriter,
    SerReader as _, Series,
};
use serde_json::{Map, Value};

const IODINE: &str = "iodine-txt.pcap";
const ORDINARY: &str = "ordinary-unbound.pcap";

/// Replays a recorded capture.
fn each(capture: &str, take: &mut impl FnMut(&Transaction)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/captures").join(capture);
    let mut source = CaptureSet::new(&[path]);
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::AnswersInWords);
    let mut sink = |record: Record<'_>| {
        if let Record::Transaction(transaction) = record {
            take(transaction);
        }
    };
    while let Some(frame) = source.next_frame().unwrap() {
        pipeline.frame(&frame, &mut sink);
    }
    pipeline.finish(&mut sink);
}

fn written(folder: &Path, capture: &str) -> PathBuf {
    let path = folder.join(format!("{capture}.parquet"));
    let mut writer = FeatureWriter::create(&path).unwrap();
    each(capture, &mut |transaction| writer.write(transaction));
    writer.finish().unwrap();
    path
}

fn read(path: &Path) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
}

/// Writes a record as the columns have it: fields of fields joined with `_`, lists of texts.
fn flat(from: &Map<String, Value>, before: &str, into: &mut Map<String, Value>) {
    for (key, value) in from {
        let name = format!("{before}{key}");
        match value {
            Value::Object(inner) => flat(inner, &format!("{name}_"), into),
            Value::Array(items) => {
                into.insert(name, items.iter().map(|item| Value::from(words(item))).collect());
            }
            value => {
                into.insert(name, value.clone());
            }
        }
    }
}

fn words(item: &Value) -> String {
    match item {
        Value::Object(object) if object.contains_key("ttl") => {
            let text = |key: &str| object[key].as_str().unwrap();
            format!("{} {} {}", object["ttl"], text("type"), text("data"))
        }
        Value::Object(object) => match object["id"].as_u64() {
            Some(id) => format!("{}:{id}", object["kind"].as_str().unwrap()),
            None => object["kind"].as_str().unwrap().to_owned(),
        },
        item => item.as_str().unwrap().to_owned(),
    }
}

fn json_of(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(flag) => (*flag).into(),
        AnyValue::UInt32(number) => (*number).into(),
        AnyValue::UInt64(number) => (*number).into(),
        AnyValue::Datetime(micros, ..) => (*micros).into(),
        AnyValue::String(text) => (*text).into(),
        AnyValue::StringOwned(text) => text.as_str().into(),
        AnyValue::List(texts) => texts.str().unwrap().iter().flatten().collect(),
        other => Value::from(format!("no column has {other:?}")),
    }
}

#[test]
fn a_feature_file_says_what_the_json_records_say() {
    let folder = tempfile::tempdir().unwrap();
    for capture in [IODINE, ORDINARY] {
        let frame = read(&written(folder.path(), capture));
        let mut row = 0;
        each(capture, &mut |transaction| {
            let mut line = Vec::new();
            to_json(&Record::Transaction(transaction), &mut line).unwrap();
            let record: Map<String, Value> = serde_json::from_slice(&line).unwrap();
            let mut told = Map::new();
            flat(&record, "", &mut told);
            // The one renaming: the text of the time goes, its number takes the name.
            told.remove("version");
            told.remove("kind");
            let micros = told.remove("time_micros").unwrap();
            told.insert("time".to_owned(), micros);
            for column in &COLUMNS {
                let kept = json_of(&frame.column(column.name).unwrap().get(row).unwrap());
                let field = told.remove(column.name).unwrap_or(Value::Null);
                assert_eq!(kept, field, "{capture}, row {row}, {}", column.name);
            }
            told.retain(|_, value| !value.is_null());
            assert!(told.is_empty(), "fields without a column: {told:?}");
            row += 1;
        });
        assert_eq!(frame.height(), row);
        assert!(row > 200, "{capture} has {row} transactions");
        assert_eq!(frame.width(), COLUMNS.len());
    }
}

#[test]
fn the_same_transactions_give_the_same_octets() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let read = |folder: &Path| fs::read(written(folder, IODINE)).unwrap();
    assert!(read(one.path()) == read(two.path()));
}

#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.parquet");
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let mut writer = FeatureWriter::create(&path).unwrap();
    writer.write(&Transaction::default());
    assert!(!path.exists() && files() == 1);
    drop(writer);
    assert_eq!(files(), 0, "a writer that was not finished leaves nothing");
    FeatureWriter::create(&path).unwrap().finish().unwrap();
    assert_eq!((read(&path).height(), read(&path).width(), files()), (0, COLUMNS.len(), 1));
}

#[test]
fn labels_are_columns_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.parquet");
    let mut writer = FeatureWriter::create_labelled(&path).unwrap();
    let label = Label {
        capture: "captures/x.pcap",
        role: "tunnel",
        tool: "iodine",
        network: None,
        label: "tunnel",
        truth_domain: Some("x.org"),
    };
    writer.write_labelled(&Transaction::default(), &label);
    writer.finish().unwrap();
    let frame = read(&path);
    let told: Vec<_> = LABEL_COLUMNS
        .iter()
        .map(|(name, _)| json_of(&frame.column(name).unwrap().get(0).unwrap()))
        .collect();
    let kept = ["captures/x.pcap", "tunnel", "iodine", "", "tunnel", "x.org"]
        .map(|text| if text.is_empty() { Value::Null } else { text.into() });
    assert_eq!(told, kept);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_its_cure() {
    // Writes to this device fail as if no room were left.
    let mut writer = FeatureWriter::create_in_place(Path::new("/dev/full")).unwrap();
    writer.write(&Transaction::default());
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("/dev/full") && error.contains("make room"), "{error}");
}

#[test]
fn files_of_something_else_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let top = (Rank::default(), 10);
        ask(&[path.to_owned()], &Question::Domains, Span::default(), top).unwrap_err()
    };
    let missing = refused(&folder.path().join("none.parquet"));
    assert!(matches!(missing, HistoryError::Read { .. }), "{missing}");
    let cut = folder.path().join("cut.parquet");
    fs::write(&cut, b"PAR1 and no end").unwrap();
    assert!(matches!(refused(&cut), HistoryError::Form { .. }), "{}", refused(&cut));
    let foreign = folder.path().join("foreign.parquet");
    let column: Column = Series::new("a".into(), [1_u32]).into_column();
    let mut frame = DataFrame::new_infer_height(vec![column]).unwrap();
    ParquetWriter::new(File::create(&foreign).unwrap()).finish(&mut frame).unwrap();
    let error = refused(&foreign).to_string();
    assert!(error.contains("no `geophone.features`") && error.contains("--features"), "{error}");
}

#[test]
fn questions_are_answered_over_all_files_together() {
    let folder = tempfile::tempdir().unwrap();
    let files = [written(folder.path(), IODINE), written(folder.path(), ORDINARY)];
    let answer =
        |question: &Question, rank| ask(&files, question, Span::default(), (rank, 1000)).unwrap();
    let domains = answer(&Question::Domains, Rank::Queries);
    let queries = |answer: &geophone_history::Answer| -> u64 {
        answer.rows.iter().map(|row| if let Cell::Number(n) = row[1] { n } else { 0 }).sum()
    };
    let mut asked = 0;
    for capture in [IODINE, ORDINARY] {
        each(capture, &mut |transaction| asked += u64::from(transaction.has_query()));
    }
    assert_eq!(queries(&domains), asked);
    assert_eq!(queries(&answer(&Question::Clients, Rank::Bytes)), asked);
    let first = |rank| answer(&Question::Domains, rank).rows[0][0].clone();
    assert_ne!(first(Rank::Names), first(Rank::Bytes), "reverse look-ups are many and small");
    let top = (Rank::Bytes, 1);
    let one = ask(&files[..1], &Question::Domains, Span::default(), top).unwrap();
    assert_eq!(one.rows[0][0], Cell::Text("tunnel-lab.net".to_owned()));
    assert!(one.rows.len() == 1 && one.n_rows > 1);
    let who = answer(&Question::Domain("TUNNEL-LAB.net.".to_owned()), Rank::Queries);
    assert_eq!(who.rows.len(), 1);
    assert_eq!(who.rows[0][0], Cell::Text("192.168.77.11".to_owned()));
    assert!(
        matches!(&who.rows[0][8], Cell::Texts(types) if types.iter().any(|kind| kind == "TXT")),
        "{:?}",
        who.rows[0]
    );
    let client: IpAddr = "192.168.77.11".parse().unwrap();
    let what = answer(&Question::Client(client), Rank::Names);
    assert_eq!(what.rows[0][0], Cell::Text("tunnel-lab.net".to_owned()));
    for answer in [domains, who, what] {
        assert!(answer.rows.iter().all(|row| row.len() == answer.columns.len()));
    }
    let nobody = answer(&Question::Domain("nowhere.test".to_owned()), Rank::Queries);
    assert_eq!((nobody.rows.len(), nobody.n_rows), (0, 0));
}

#[test]
fn what_clients_say_in_new_names_is_added_up_by_domain() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), IODINE);
    let learning = Learning { days: 0, clients: 1 };
    // Eight bits an octet of the subdomain; a file read twice says no more than once.
    let mut price = |_: &geophone_sensor::name::Name, at: usize| u32::try_from(at * 8).unwrap();
    let uses = domain_uses(&[file.clone(), file], learning, &mut price).unwrap();
    let tunnel = uses.iter().find(|one| one.domain == "tunnel-lab.net").unwrap();
    let mut names = std::collections::BTreeMap::new();
    each(IODINE, &mut |transaction| {
        if transaction.has_query() && transaction.domain_text() == "tunnel-lab.net" {
            let name = transaction.qname.to_string().to_ascii_lowercase();
            names.insert(name, u64::from(transaction.domain_at));
        }
    });
    assert_eq!(tunnel.p999_bytes, names.values().sum::<u64>());
    assert_eq!((tunnel.clients, tunnel.days), (1, 1));
    assert_eq!(tunnel.shared_bytes, tunnel.p999_bytes);
}
