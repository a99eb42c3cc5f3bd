//! Fitted points written into a rule file: only numbers change, every comment stays.

use crate::detect::Scorecard;

/// Why a rule file cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// A list of knots that does not end on its line.
    #[error("line {line}: the knots of a term must stand on one line to be rewritten")]
    Knots {
        /// The line, from 1.
        line: usize,
    },
    /// The file has other terms than the scorecard.
    #[error("the file has {found} lines of knots, the scorecard {expected} terms")]
    Terms {
        /// Lines in the file.
        found: usize,
        /// Terms of the scorecard.
        expected: usize,
    },
}

/// Returns `text`, a rule file that held `old`, with the points and the threshold of `new`.
///
/// The severity ladder moves in proportion to the threshold.
///
/// # Errors
/// Knots over several lines, or another number of terms.
pub fn rewrite(text: &str, old: &Scorecard, new: &Scorecard) -> Result<String, RewriteError> {
    let key_of = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let (found, expected) =
        (text.lines().filter(|line| key_of(line) == "knots").count(), new.terms.len());
    if found != expected {
        return Err(RewriteError::Terms { found, expected });
    }
    let mut terms = new.terms.iter();
    let (mut out, mut table) = (String::new(), String::new());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_start().starts_with('[') && !line.contains('=') {
            line.trim().clone_into(&mut table);
        }
        match (table.as_str(), key_of(line).as_str()) {
            (_, "knots") => {
                let points = terms.next().map(|term| term.knots.iter().map(|(_, y)| *y));
                let points = points.into_iter().flatten().collect::<Vec<_>>();
                let line = knots(line, &points).ok_or(RewriteError::Knots { line: index + 1 })?;
                out.push_str(&line);
            }
            ("", "threshold") => out.push_str(&number(line, |_| new.threshold)),
            ("[severity]", "medium" | "high" | "critical") => {
                let moved = |least| in_proportion(least, old.threshold, new.threshold);
                out.push_str(&number(line, moved));
            }
            _ => out.push_str(line),
        }
    }
    Ok(out)
}

/// `least` by as much as the threshold grew, rounded to the nearest.
fn in_proportion(least: i32, old: i32, new: i32) -> i32 {
    let (least, old, new) = (i64::from(least), i64::from(old.max(1)), i64::from(new));
    let scaled = (2 * least * new + old).div_euclid(2 * old);
    i32::try_from(scaled).unwrap_or(i32::MAX)
}

/// Replaces the number behind the `=` of `line`.
fn number(line: &str, new: impl Fn(i32) -> i32) -> String {
    let Some((key, value)) = line.split_once('=') else { return line.to_owned() };
    let digits = value.trim_start();
    let blank = value.len() - digits.len();
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(digits.len());
    let (number, rest) = digits.split_at(end);
    let Ok(number) = number.parse() else { return line.to_owned() };
    format!("{key}={}{}{rest}", " ".repeat(blank), new(number))
}

/// Replaces the second number of every pair of `line`; the first keeps its spelling.
fn knots(line: &str, points: &[f64]) -> Option<String> {
    let (head, list) = line.split_once('=')?;
    let mut out = format!("{head}=");
    let mut rest = list;
    for (nth, y) in points.iter().enumerate() {
        if nth > 0 {
            let (gap, behind) = rest.split_once(',')?;
            out += &format!("{gap},");
            rest = behind;
        }
        let (x, behind) = rest.split_once(',')?;
        let (_, behind) = behind.split_once(']')?;
        // Not minus nothing.
        let y = if y.abs() < 0.5 { 0.0 } else { *y };
        out += &format!("{x}, {y}]");
        rest = behind;
    }
    rest.trim_start().starts_with(']').then(|| out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Feature, Term};

    const FILE: &str = "# A rule.\nthreshold = 26  # least\n\n[severity]\nmedium = 26\nhigh = 40\n\
        critical = 55\n\n[[term]] # first\nfeature = \"leak_fill\"\n\
        knots = [[0.1, 0], [0.5, 8],[1, -14]]   # [value, points], all\nwhy = \"so, [it] is\"\n";

    fn card(points: &[f64], threshold: i32) -> Scorecard {
        let knots = points.iter().map(|y| (0.0, *y)).collect();
        let term = Term { feature: Feature::LeakFill, knots, gate: None, baseline: 0.0 };
        Scorecard { terms: vec![term], threshold }
    }

    #[test]
    fn only_numbers_change() {
        let new = rewrite(FILE, &card(&[], 26), &card(&[-0.0, 5.0, -9.0], 13)).unwrap();
        let expected = FILE
            .replace("threshold = 26", "threshold = 13")
            .replace("medium = 26", "medium = 13")
            .replace("high = 40", "high = 20")
            .replace("critical = 55", "critical = 28")
            .replace("[0.5, 8],[1, -14]", "[0.5, 5],[1, -9]");
        assert_eq!(new, expected);
        let same = rewrite(FILE, &card(&[], 26), &card(&[0.0, 8.0, -14.0], 26)).unwrap();
        assert_eq!(same, FILE);
    }

    #[test]
    fn knots_over_several_lines_and_other_terms_are_refused() {
        let text = FILE.replace("[0.5, 8],", "[0.5,\n 8],");
        let error = rewrite(&text, &card(&[], 26), &card(&[0.0, 8.0, -14.0], 26)).unwrap_err();
        assert_eq!(error, RewriteError::Knots { line: 11 });
        let none = Scorecard { terms: Vec::new(), threshold: 5 };
        let error = rewrite(FILE, &none, &none).unwrap_err();
        assert_eq!(error, RewriteError::Terms { found: 1, expected: 0 });
    }
}
