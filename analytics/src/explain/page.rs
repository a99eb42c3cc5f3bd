//! The explanation as a page for people, as wide as the terminal.

use std::fmt::Write as _;

use super::sample::SampleView;
use super::score::{ScoreLine, ScoreNow};
use super::silence::whole;
use super::{Explanation, Leak, Lookalike, When};
use crate::alert::{Style, bytes, in_words, rate};

/// The column where text begins, behind a label.
const INDENT: usize = 12;
/// The narrowest page; what does not fit is wrapped by the terminal.
const NARROWEST: usize = 60;
/// The widest page: longer lines read badly.
const WIDEST: usize = 140;
/// Samples that are taken apart.
const SAMPLES: usize = 3;

/// How the page is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether there is emphasis.
    pub style: Style,
}

/// Lays out `explanation`.
#[must_use]
pub fn to_page(explanation: &Explanation, look: Look) -> String {
    let width = look.width.clamp(NARROWEST, WIDEST);
    let mut page = Page { text: String::new(), width, style: look.style };
    page.head(explanation);
    page.facts(explanation);
    page.score(explanation);
    page.traffic(explanation);
    page.samples(explanation);
    page.lookalikes(&explanation.lookalikes);
    page.advice(explanation);
    page.text
}

struct Page {
    text: String,
    width: usize,
    style: Style,
}

impl Page {
    fn head(&mut self, explanation: &Explanation) {
        let Explanation { what, id, action, time, .. } = explanation;
        let severity = self.strong(&what.severity.to_uppercase());
        let _ = writeln!(self.text, "{severity}  {}  ({})", what.name, what.rule);
        self.item("alert", &format!("{id}, {action} at {time}"));
        self.text.push('\n');
    }

    fn facts(&mut self, explanation: &Explanation) {
        let Explanation { what, who, leak, when, .. } = explanation;
        self.item("what", &what.sentence);
        if let Some(tool) = &what.tool {
            self.item("tool", tool);
        }
        if let Some(encoding) = &what.encoding {
            self.item("encoding", &format!("most names look like {encoding}"));
        }
        self.item("who", &who.sentence());
        if !who.together.is_empty() {
            self.more(&format!("together: {}", who.together.join(", ")));
        }
        if !who.seen_on.is_empty() {
            self.more(&format!("seen on {}", who.seen_on.join(", ")));
        }
        if who.headline.is_none() {
            self.leak(leak);
        }
        let span = std::time::Duration::try_from_secs_f64(when.seconds).unwrap_or_default();
        self.item("since", &format!("{} until {} ({})", when.first, when.last, in_words(span)));
        self.more(&when_in_words(when, who.headline.is_some()));
        let severity = format!("{}: {}", what.severity, what.severity_because);
        self.item("severity", &severity);
        self.item("confidence", &format!("{}: {}", what.confidence, what.confidence_because));
        self.techniques(explanation);
        if let Some(because) = &what.closed_because {
            self.item("closed", because);
        }
        self.text.push('\n');
    }

    fn leak(&mut self, leak: &Leak) {
        self.item(
            "leak",
            &format!("at most {} could have left in names, by their price", bytes(leak.bytes)),
        );
        if !leak.elsewhere.is_empty() {
            self.more(&format!("and at most {}", leak.elsewhere.join(", ")));
        }
        if let Some(overflow) = &leak.overflow {
            self.more(&format!(
                "the leak contract's bucket {} allows {:.0} B at once + {}; it held {:.0} B, {:.0} B over; {}",
                overflow.bucket,
                overflow.burst_bytes,
                rate(overflow.bytes_per_second),
                overflow.level_bytes,
                overflow.over_bytes,
                overflow.now,
            ));
        } else {
            self.more("no bucket of the leak contract overflowed");
        }
        self.more(&match leak.error_bytes {
            0 => "error bar: none, no key was evicted".to_owned(),
            error => format!("error bar: the level may be up to {} too high", bytes(error)),
        });
    }

    fn techniques(&mut self, explanation: &Explanation) {
        let words: Vec<_> = explanation
            .what
            .techniques
            .iter()
            .map(|technique| match technique.name {
                "" => technique.id.clone(),
                name => format!("{} {name} ({})", technique.id, technique.tactic),
            })
            .collect();
        if !words.is_empty() {
            self.item("ATT&CK", &words.join("; "));
        }
    }

    fn score(&mut self, explanation: &Explanation) {
        let score = &explanation.score;
        let sum = if score.sum == score.score {
            "the points below add up to it".to_owned()
        } else {
            format!("but the stored points add up to {}: the document is damaged", score.sum)
        };
        self.item("score", &format!("{} of {} needed; {sum}", score.score, score.threshold));
        let _ = writeln!(
            self.text,
            "{:INDENT$}{:>6}  {:>6}  {:<15} {:>9}  {:>8}  {:>7}",
            "", "then", "now", "feature", "value", "from", "usual"
        );
        for line in &score.lines {
            self.score_line(line);
        }
        let now = score.now.as_ref().map_or_else(String::new, |now| format!("{:+}", now.score));
        let _ = writeln!(self.text, "{:INDENT$}{:>+6}  {now:>6}  sum", "", score.score);
        if !score.complete {
            self.more(
                "this alert is of a version that stored only the values that gave points: what a \
                 changed rule makes of the others cannot be said",
            );
        }
        match &score.now {
            None => self.more(&format!(
                "{} have no rule {}: nothing to compare with",
                explanation.rules, explanation.what.rule
            )),
            Some(now) => self.now(now, explanation),
        }
        self.text.push('\n');
    }

    fn score_line(&mut self, line: &ScoreLine) {
        let changed = line.now.is_some_and(|now| now != line.stored);
        let now = line.now.map_or_else(|| "?".to_owned(), signed);
        let value = line.value.map_or_else(|| "?".to_owned(), |value| value.to_string());
        let mut text = format!(
            "{:INDENT$}{:>6}  {now:>6}  {:<15} {value:>9}  {:>8}  {:>7}",
            "",
            signed(line.stored),
            line.feature,
            line.from,
            line.usual
        );
        if changed {
            text = self.strong(&text);
        }
        let note = line.note.as_deref().unwrap_or(line.meaning);
        // Behind the columns where there is room for it, else left out: the value is what counts.
        if INDENT + 60 + note.len() <= self.width {
            text = format!("{text}  {note}");
        }
        self.text += text.trim_end();
        self.text.push('\n');
    }

    fn now(&mut self, now: &ScoreNow, explanation: &Explanation) {
        let rules = &explanation.rules;
        if now.differs {
            let overflow = explanation.leak.overflow.is_some() && now.on_leak;
            let verdict = match (now.enough, overflow) {
                (true, _) => "an alert all the same",
                (false, true) => "below the threshold, but the overflow alone raises it",
                (false, false) => "no alert",
            };
            let was = &explanation.score;
            self.more(&format!(
                "{rules} say something else: {} of {} needed now, {} of {} then: {verdict}, \
                 severity by score {}",
                now.score,
                now.threshold,
                was.score,
                was.threshold,
                now.severity.name()
            ));
        } else {
            self.more(&format!("{rules} give the same points and ask for the same score"));
        }
        if let Some(other) = &now.named_by {
            self.more(&format!(
                "rule {other} is further above its threshold and would name it now"
            ));
        }
    }

    fn traffic(&mut self, explanation: &Explanation) {
        let traffic = &explanation.traffic;
        let list = |counts: &[(String, u64)]| {
            let words: Vec<_> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
            if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
        };
        self.item(
            "asked",
            &format!("{}; {} of queries", list(&traffic.types), bytes(traffic.bytes_up)),
        );
        self.item(
            "answered",
            &format!("{}; {} of answers", list(&traffic.rcodes), bytes(traffic.bytes_down)),
        );
        if let Some((frames, dropped, percent)) = traffic.loss {
            self.item(
                "loss",
                &format!(
                    "seen through {percent} % loss: {dropped} frames were dropped, {frames} read; \
                     there was more than is told here"
                ),
            );
        }
        self.text.push('\n');
    }

    fn samples(&mut self, explanation: &Explanation) {
        let samples = &explanation.samples;
        let shown = samples.len().min(SAMPLES);
        let watched = explanation.who.headline.is_some();
        let which = if watched { "the first names" } else { "the dearest names" };
        self.item(
            "samples",
            &format!("{which}, {shown} of {} (all with --format json)", samples.len()),
        );
        for sample in samples.iter().take(SAMPLES) {
            if watched {
                let name = cut(&sample.qname, self.width.saturating_sub(INDENT + 32));
                self.more(&format!("{} {name}, asked at {}", sample.qtype, sample.time));
            } else {
                self.sample(sample);
            }
        }
        self.text.push('\n');
    }

    fn sample(&mut self, sample: &SampleView) {
        let room = self.width.saturating_sub(INDENT + sample.qtype.len() + 2);
        let name = cut(&sample.qname, room);
        let _ = writeln!(self.text, "{:INDENT$}{}  {name}", "", sample.qtype);
        let price = match sample.bits_now {
            None => format!("{} bits stored; the name cannot be read", sample.bits),
            Some(now) if (now - sample.bits).abs() < 0.1 => format!("{now} bits"),
            Some(now) => format!("{} bits stored, {now} by this version", sample.bits),
        };
        self.more(&format!(
            "  at {}, price {price}, answered with {} octets",
            sample.time, sample.answer_bytes
        ));
        for run in &sample.runs {
            let labels = if run.labels == 1 { "label" } else { "labels" };
            let says = run.decoded.clone().unwrap_or_else(|| format!("\"{}\"", run.text));
            let own = format!("{}: ", run.encoding);
            let says = says.strip_prefix(&own).unwrap_or(&says);
            let line = format!(
                "{:INDENT$}  {:<7} {:>3} octets in {} {labels}, {} bits: {says}",
                "", run.encoding, run.octets, run.labels, run.bits
            );
            self.text += &cut(&line, self.width);
            self.text.push('\n');
        }
    }

    fn lookalikes(&mut self, classes: &[Lookalike]) {
        if classes.is_empty() {
            return;
        }
        self.item("not these", "what is allowed to look like it, and why this is none of them");
        for class in classes {
            let Lookalike { verdict, samples, of, .. } = class;
            self.more(&format!("{samples} of {of} names shown: {verdict}"));
        }
        self.text.push('\n');
    }

    fn advice(&mut self, explanation: &Explanation) {
        let silence = &explanation.silence;
        self.item("advice", &explanation.what.advice);
        self.item("to silence", &format!("if it is wanted, put this into {}", silence.file));
        for line in silence.toml.lines() {
            let line = format!("{:INDENT$}    {line}", "");
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
        self.more(&format!("then: {}", silence.then));
        self.more(&format!("effect: {}", silence.effect));
        self.item("still told", &silence.still.join("; "));
    }

    /// Writes a label and its text, wrapped.
    fn item(&mut self, label: &str, text: &str) {
        let label = self.strong(&format!("{label:<INDENT$}"));
        self.wrapped(&label, text);
    }

    /// Writes text under that of the last label.
    fn more(&mut self, text: &str) {
        self.wrapped(&" ".repeat(INDENT), text);
    }

    /// `head` takes the place of the first indent.
    fn wrapped(&mut self, head: &str, text: &str) {
        let mut column = INDENT;
        self.text += head;
        let inner = text.len() - text.trim_start().len();
        self.text += &" ".repeat(inner);
        for (index, word) in text.split_whitespace().enumerate() {
            let length = word.chars().count();
            if index > 0 && column + 1 + length > self.width {
                let _ = write!(self.text, "\n{}", " ".repeat(INDENT + inner));
                column = INDENT + inner;
            } else if index > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text += word;
            column += length;
        }
        self.text.push('\n');
    }

    fn strong(&self, text: &str) -> String {
        match self.style {
            Style::Colour => format!("\x1b[1m{text}\x1b[0m"),
            Style::Plain => text.to_owned(),
        }
    }
}

/// How much and how fast; of a watch's alert only how much.
fn when_in_words(when: &When, watched: bool) -> String {
    if watched {
        return format!("{} records of it", when.queries);
    }
    let speed = match (when.queries_per_second, when.bytes_per_second) {
        (Some(queries), Some(leak)) if leak >= 10.0 => {
            format!(": {queries} queries/s, {}/s by price", bytes(whole(leak)))
        }
        (Some(queries), Some(leak)) => format!(": {queries} queries/s, {leak} B/s by price"),
        _ => String::new(),
    };
    format!("{} queries, {} new names{speed}", when.queries, when.unique)
}

/// Points with their sign, none for zero.
fn signed(points: i32) -> String {
    if points == 0 { "0".to_owned() } else { format!("{points:+}") }
}

/// The first characters of `text` that fit into `room`.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::super::stored::StoredAlert;
    use super::super::{Explanation, RulesInForce};
    use super::*;
    use crate::rule::Rules;

    #[test]
    fn a_page_keeps_its_width_and_a_poor_document_makes_a_poor_page() {
        let rules = Rules::builtin().unwrap();
        let alert = StoredAlert::read(r#"{"event":{"id":"x"}}"#).unwrap();
        let by = RulesInForce { rules: &rules, directory: None };
        let explanation = Explanation::of(&alert, by);
        for width in [0, 60, 80, 140, 1000] {
            let text = to_page(&explanation, Look { width, style: Style::Plain });
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.clamp(NARROWEST, WIDEST).max(INDENT + 60), "{width}: {text}");
            assert!(!text.contains('\x1b'));
        }
    }
}
