//! `geophone dataset`: labelled captures checked, and made into labelled feature files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use geophone_analytics::dataset::{Manifest, verify};

use crate::progress::say;
use crate::run::print;

/// Checks labelled captures, and makes feature files of them.
#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Write a labelled feature file for each capture of a manifest.
    Build(BuildCommand),
    /// Check that the captures are what their manifest says.
    Verify {
        /// The manifest.
        #[arg(value_name = "MANIFEST", default_value = "datasets/manifest.toml")]
        manifest: PathBuf,
    },
}

/// One Parquet file a capture, named after it: the columns of `--features` and those of the label.
/// The same captures give the same files, byte for byte.
#[derive(Args, Debug)]
pub(crate) struct BuildCommand {
    /// The manifest.
    #[arg(value_name = "MANIFEST", default_value = "datasets/manifest.toml")]
    pub(crate) manifest: PathBuf,
    /// The directory that takes the files; made where it is missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// Does what was asked.
pub(crate) fn dataset(command: &DatasetCommand) -> anyhow::Result<ExitCode> {
    match command {
        DatasetCommand::Build(command) => build(command),
        DatasetCommand::Verify { manifest } => {
            let manifest = Manifest::read(manifest)?;
            if !tells_the_truth(&manifest) {
                return Ok(ExitCode::from(1));
            }
            print(&format!("{} captures: all as the manifest says\n", manifest.captures.len()))
        }
    }
}

/// Says what is not as the manifest says.
fn tells_the_truth(manifest: &Manifest) -> bool {
    let faults = verify(manifest);
    for fault in &faults {
        say(&fault.to_string());
    }
    faults.is_empty()
}

#[cfg(not(feature = "history"))]
fn build(_: &BuildCommand) -> anyhow::Result<ExitCode> {
    anyhow::bail!(super::WITHOUT_PARQUET)
}

#[cfg(feature = "history")]
fn build(command: &BuildCommand) -> anyhow::Result<ExitCode> {
    use anyhow::Context as _;

    let manifest = Manifest::read(&command.manifest)?;
    // Labels of captures that are not those meant would be worth nothing.
    if !tells_the_truth(&manifest) {
        return Ok(ExitCode::from(1));
    }
    std::fs::create_dir_all(&command.out)
        .with_context(|| format!("cannot make the directory \"{}\"", command.out.display()))?;
    for capture in &manifest.captures {
        let out = command.out.join(format!("{}.parquet", capture.stem()));
        let (rows, labelled) = label(capture, &manifest.path_of(capture), &out)?;
        say(&format!("{}: {rows} transactions, {labelled} of a channel", capture.file));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the transactions of `path` with their labels; returns how many there are and how many
/// are of a channel.
#[cfg(feature = "history")]
fn label(
    capture: &geophone_analytics::dataset::Capture,
    path: &std::path::Path,
    out: &std::path::Path,
) -> anyhow::Result<(u64, u64)> {
    use geophone_history::{FeatureWriter, Label};
    use geophone_sensor::capture::{CaptureSet, FrameSource as _};
    use geophone_sensor::config::SensorConfig;
    use geophone_sensor::pipeline::{Detail, Pipeline};
    use geophone_sensor::record::Record;

    let mut writer = FeatureWriter::create_labelled(out)?;
    let (mut rows, mut labelled) = (0, 0);
    let mut sink = |record: Record<'_>| {
        let Record::Transaction(transaction) = record else { return };
        let truth = capture.truth_of(transaction);
        rows += 1;
        labelled += u64::from(truth.is_some());
        let label = Label {
            capture: &capture.file,
            role: &capture.role,
            tool: &capture.tool,
            network: capture.network.as_deref(),
            label: truth.map_or("benign", |truth| &truth.label),
            truth_domain: truth.and_then(|truth| truth.domain.as_deref()),
        };
        writer.write_labelled(transaction, &label);
    };
    let mut source = CaptureSet::new(&[path.to_owned()]);
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::AnswersInWords);
    while let Some(frame) = source.next_frame()? {
        pipeline.frame(&frame, &mut sink);
    }
    pipeline.finish(&mut sink);
    writer.finish()?;
    Ok((rows, labelled))
}
