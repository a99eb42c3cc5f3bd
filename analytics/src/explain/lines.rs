//! The lines of an input, none of them longer than a limit.

use std::io::{self, BufRead, Read as _};

/// Octets a line may have; an alert has some ten thousand.
const MOST_LINE: u64 = 1024 * 1024;

/// Why a line cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineFault {
    /// It is longer than the limit.
    #[error("longer than 1 MiB")]
    Long,
    /// It is no text.
    #[error("not UTF-8")]
    NotUtf8,
    /// The input failed.
    #[error("cannot be read: {0}")]
    Read(io::Error),
}

/// Hands on every line that is not blank, without white space around it, with its number from 1.
///
/// # Errors
/// What `take` returns; it is asked about faults, too.
pub(crate) fn each_line<E>(
    input: &mut impl BufRead,
    mut take: impl FnMut(u64, Result<&str, LineFault>) -> Result<(), E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut *input).take(MOST_LINE).read_until(b'\n', &mut line);
        let fault = match read {
            Ok(0) => break,
            Ok(octets) if u64::try_from(octets).unwrap_or(u64::MAX) >= MOST_LINE => LineFault::Long,
            Ok(_) => match std::str::from_utf8(&line) {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => {
                    take(number, Ok(text.trim()))?;
                    continue;
                }
                Err(_) => LineFault::NotUtf8,
            },
            Err(error) => {
                take(number, Err(LineFault::Read(error)))?;
                break;
            }
        };
        take(number, Err(fault))?;
    }
    Ok(())
}
