//! `malformed-dns`: messages that no honest program writes, as classes with counts.
//!
//! Fuzzers and exploits send compression loops, labels and counts that lie. What the capture cut
//! short is not the sender's doing, and some defects are habits of honest programs.

use geophone_sensor::defect::Defect;
use geophone_sensor::record::Transaction;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::recent::Recent;
use super::seen::Seen;
use super::watch::{Moment, Watch};
use crate::alert::Suspect;
use crate::detect::{Feature, Values};

/// Defects that honest programs do not make.
const HARMFUL: [Defect; 10] = [
    Defect::CompressionForward,
    Defect::CountsExceed,
    Defect::LabelReserved,
    Defect::MultipleOpt,
    Defect::NameCut,
    Defect::NameTooLong,
    Defect::QuestionUnreadable,
    Defect::RdataCut,
    Defect::RdataLength,
    Defect::UnknownOpcode,
];

/// The watch.
pub(super) struct MalformedDns;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    messages: Recent,
    /// The defects met, by their place in [`HARMFUL`].
    kinds: u16,
    taken: u32,
}

impl Watch for MalformedDns {
    const RULE: &'static str = "malformed-dns";
    const HEAP: usize = 0;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction().filter(|asked| !asked.defects.is_empty())?;
        (kinds(asked) != 0).then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        figures.messages.add(moment.at, 1, moment.window);
        let before = figures.kinds;
        figures.kinds |= kinds(asked);
        figures.taken = figures.taken.saturating_add(1);
        figures.kinds != before || figures.taken.is_power_of_two()
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        Values::default()
            .with(Feature::Defective, figures.messages.sum(moment.at, moment.window))
            .with(Feature::DefectKinds, figures.kinds.count_ones())
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let names: Vec<_> = (0..)
            .zip(HARMFUL)
            .filter(|(n, _)| figures.kinds & (1 << n) != 0)
            .map(|(_, defect)| defect.name())
            .collect();
        format!(
            "{:.0} malformed messages between {} and {} within {} s: {}",
            figures.messages.sum(moment.at, moment.window),
            suspect.client,
            suspect.server,
            moment.window.as_secs(),
            names.join(", "),
        )
    }
}

/// The harmful defects of an exchange, a bit each. What a server cut to fit UDP (TC, RFC 1035 section
/// 4.1.1) may end anywhere and count what is not there any more.
fn kinds(asked: &Transaction) -> u16 {
    let defects = asked.defects;
    if defects.has(Defect::CutByCapture) || asked.answer_flags.truncated() {
        return 0;
    }
    (0..).zip(HARMFUL).fold(0, |kinds, (n, defect)| kinds | u16::from(defects.has(defect)) << n)
}
