//! What is remembered, as a file: buckets, first sights and domains survive a restart.
//!
//! Of the figures only the buckets for signals and answers are saved, where they owe anything; what
//! scorecards weigh is of the last hours and comes again. Nothing in
//! the file depends on the sizes of the tables but the filter of names, which is taken over only
//! where it has the same size; a smaller table keeps what fits, as under a flood.
//!
//! Little-endian words: a head of magic, version, hash seed and capture time; then sections of a
//! kind, a number of entries and the entries; then an FNV-1a sum of all that came before. What hosts
//! are used to follows as a part of its own, with its length and sum.

use std::io::{self, Read, Write};

use geophone_sensor::record::hash_of;
use geophone_sensor::time::Timestamp;

use super::domain::DomainFacts;
use super::facts::Change;
use super::tables::Tables;

/// The first word: `geophone`.
const MAGIC: u64 = u64::from_le_bytes(*b"geophone");
/// The version of the form.
const VERSION: u64 = 5;

const KEYS: u64 = 1;
const CLIENTS: u64 = 2;
const SHARED: u64 = 3;
const DOMAINS: u64 = 4;
const SEEN: u64 = 5;
const CHANNELS: u64 = 6;
const END: u64 = 0;

/// Why a file of saved state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no such file, or damaged.
    #[error("it is no saved state, or damaged ({0}); remove it to begin anew")]
    Damaged(&'static str),
    /// It was made with another hash seed, so that its keys mean nothing here.
    #[error(
        "it was made with another sensor.hash_seed; set that, or remove the file to begin anew"
    )]
    Seed,
    /// Another version wrote it.
    #[error("it has version {0} and this program reads {VERSION}; remove it to begin anew")]
    Version(u64),
}

impl Tables {
    /// Writes what is remembered at `time` to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn save(&self, seed: u64, time: Timestamp, out: &mut impl Write) -> Result<(), SavedError> {
        let mut out = Summed { inner: out, sum: FNV_OFFSET };
        for word in [MAGIC, VERSION, seed, time.micros().cast_unsigned()] {
            out.word(word)?;
        }
        for (kind, ledger) in [(KEYS, &self.keys), (CLIENTS, &self.clients), (SHARED, &self.shared)]
        {
            out.word(kind)?;
            out.word(ledger.used())?;
            for line in ledger.words() {
                line.iter().try_for_each(|word| out.word(*word))?;
            }
        }
        out.word(DOMAINS)?;
        out.word(self.domains.used())?;
        for (hash, facts) in self.domains.iter() {
            out.word(hash)?;
            facts.pack().iter().try_for_each(|word| out.word(*word))?;
        }
        out.word(SEEN)?;
        let filter = self.seen.words();
        out.word(u64::try_from(filter.len()).unwrap_or_default())?;
        filter.iter().try_for_each(|word| out.word(*word))?;
        out.word(CHANNELS)?;
        out.word(u64::try_from(self.figures.owing(time).count()).unwrap_or_default())?;
        for (hash, words) in self.figures.owing(time) {
            out.word(hash)?;
            words.iter().try_for_each(|word| out.word(*word))?;
        }
        out.word(END)?;
        let sum = out.sum;
        out.word(sum)?;
        Ok(())
    }

    /// Reads what `save` wrote into tables that are empty; returns the time it was saved at. More
    /// than `most` clients make a domain crowded.
    ///
    /// # Errors
    /// A file that is damaged, or of another version or seed; the tables may then hold part of it
    /// and must not be used.
    pub fn load(
        &mut self,
        seed: u64,
        most: u32,
        input: &mut impl Read,
    ) -> Result<Timestamp, SavedError> {
        let mut input = Summed { inner: input, sum: FNV_OFFSET };
        if input.next()? != MAGIC {
            return Err(SavedError::Damaged("it does not begin as one"));
        }
        let version = input.next()?;
        if version != VERSION {
            return Err(SavedError::Version(version));
        }
        if input.next()? != seed {
            return Err(SavedError::Seed);
        }
        let time = Timestamp(input.next()?.cast_signed());
        loop {
            match input.next()? {
                END => break,
                CHANNELS => {
                    for _ in 0..input.next()? {
                        let hash = input.next()?;
                        self.figures.restore(hash, input.array()?, time);
                    }
                }
                kind => self.section(kind, most, &mut input)?,
            }
        }
        let sum = input.sum;
        if input.next()? != sum {
            return Err(SavedError::Damaged("its sum is wrong"));
        }
        Ok(time)
    }

    fn section<R: Read>(
        &mut self,
        kind: u64,
        most: u32,
        input: &mut Summed<&mut R>,
    ) -> Result<(), SavedError> {
        let entries = input.next()?;
        match kind {
            KEYS | CLIENTS | SHARED => {
                let ledger = match kind {
                    KEYS => &mut self.keys,
                    CLIENTS => &mut self.clients,
                    _ => &mut self.shared,
                };
                for _ in 0..entries {
                    let hash = input.next()?;
                    ledger.restore(hash, input.array()?);
                }
            }
            DOMAINS => {
                for _ in 0..entries {
                    let hash = input.next()?;
                    let facts = DomainFacts::unpack(input.array()?);
                    self.domains.restore(hash, facts);
                    let (first, crowded) = (facts.first, facts.is_crowded(most));
                    self.facts.learn(Change::Domain { hash, first, crowded });
                }
            }
            SEEN => {
                // A number in a file is not believed: of another size, it is only read past.
                if entries == self.seen.n_words() {
                    let words = (0..entries).map(|_| input.next());
                    self.seen.restore(&words.collect::<Result<Vec<_>, _>>()?);
                } else {
                    (0..entries).try_for_each(|_| input.next().map(|_| ()))?;
                }
            }
            _ => return Err(SavedError::Damaged("a section of a kind that there is not")),
        }
        Ok(())
    }
}

/// Octets that a part behind the tables may have at most: a number in a file is not believed.
const PART_BYTES: u64 = 64 << 20;

/// Writes a part of its own behind the tables: its length, its octets, their sum.
///
/// # Errors
/// Those of `out`.
pub(crate) fn save_octets(octets: &[u8], out: &mut impl Write) -> Result<(), SavedError> {
    out.write_all(&u64::try_from(octets.len()).unwrap_or_default().to_le_bytes())?;
    out.write_all(octets)?;
    Ok(out.write_all(&hash_of(octets, 0).to_le_bytes())?)
}

/// Reads what [`save_octets`] wrote.
///
/// # Errors
/// Input that is damaged or ends too early.
pub(crate) fn load_octets(input: &mut impl Read) -> Result<Vec<u8>, SavedError> {
    let mut words = Summed { inner: input, sum: FNV_OFFSET };
    let length = words.next()?;
    if length > PART_BYTES {
        return Err(SavedError::Damaged("a part is longer than any"));
    }
    let mut octets = Vec::new();
    words.inner.by_ref().take(length).read_to_end(&mut octets)?;
    if words.next()? != hash_of(&octets, 0) {
        return Err(SavedError::Damaged("the sum of a part is wrong"));
    }
    Ok(octets)
}

/// The offset and the prime of FNV-1a of 64 bits, taken word by word.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Words with their sum.
struct Summed<T> {
    inner: T,
    sum: u64,
}

impl<T> Summed<T> {
    const fn add(&mut self, word: u64) {
        self.sum = (self.sum ^ word).wrapping_mul(FNV_PRIME).rotate_left(23);
    }
}

impl<W: Write> Summed<&mut W> {
    fn word(&mut self, word: u64) -> io::Result<()> {
        self.add(word);
        self.inner.write_all(&word.to_le_bytes())
    }
}

impl<R: Read> Summed<&mut R> {
    fn next(&mut self) -> Result<u64, SavedError> {
        let mut octets = [0; 8];
        self.inner.read_exact(&mut octets).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SavedError::Damaged("it ends too early"),
            _ => error.into(),
        })?;
        let word = u64::from_le_bytes(octets);
        self.add(word);
        Ok(word)
    }

    fn array<const N: usize>(&mut self) -> Result<[u64; N], SavedError> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.next()?;
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateConfig;
    use crate::severity::Severity;
    use crate::state::{Bucket, Buckets};

    fn small(keys: u32) -> Tables {
        Tables::new(
            &StateConfig {
                keys,
                figures: 8,
                clients: 8,
                domains: 8,
                seen_names: 400,
                ..StateConfig::default()
            },
            0,
        )
    }

    fn filled() -> (Tables, Buckets) {
        let bucket = Bucket {
            name: "slow".to_owned(),
            burst_bytes: 1024.0,
            bytes_per_second: 0.01,
            severity: Severity::Low,
        };
        let buckets = Buckets { tiers: [Some(bucket), None, None] };
        let mut tables = small(64);
        for key in 1..=20_u64 {
            tables.keys.charge(key, Timestamp(7), Some(80), 10.0, &buckets).unwrap();
            tables.domains.note(key, key << 48, Timestamp(5), 2);
            tables.seen.insert(key << 32, Timestamp(7));
        }
        (tables, buckets)
    }

    #[test]
    fn what_is_saved_comes_back() {
        let (tables, _) = filled();
        let mut file = Vec::new();
        tables.save(3, Timestamp(9), &mut file).unwrap();
        let mut back = small(64);
        assert_eq!(back.load(3, 2, &mut file.as_slice()).unwrap(), Timestamp(9));
        for key in 1..=20_u64 {
            assert_eq!(back.keys.find(key), tables.keys.find(key));
            assert!(!back.seen.insert(key << 32, Timestamp(8)), "{key} was seen before");
        }
        assert_eq!(back.domains.find(20).map(|facts| facts.first), Some(Timestamp(5)));
        let mut again = Vec::new();
        tables.save(3, Timestamp(9), &mut again).unwrap();
        assert_eq!(file, again, "the same state is the same file");
    }

    #[test]
    fn a_smaller_table_keeps_what_fits_and_never_a_level_too_low() {
        let (tables, buckets) = filled();
        let mut file = Vec::new();
        tables.save(3, Timestamp(9), &mut file).unwrap();
        let mut back = small(8);
        back.load(3, 2, &mut file.as_slice()).unwrap();
        let kept = (1..=20_u64).filter_map(|key| back.keys.find(key));
        let levels: Vec<_> =
            kept.map(|account| buckets.highest(&account.levels, Timestamp(7))).collect();
        assert!(levels.len() == 8 && levels.iter().all(|level| *level >= 10.0));
    }

    #[test]
    fn a_file_cut_or_changed_anywhere_is_refused() {
        let (tables, _) = filled();
        let mut file = Vec::new();
        tables.save(3, Timestamp(9), &mut file).unwrap();
        for at in (0..file.len()).step_by(37) {
            assert!(small(64).load(3, 2, &mut &file[..at]).is_err(), "cut at {at}");
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(small(64).load(3, 2, &mut changed.as_slice()).is_err(), "changed at {at}");
        }
        let error = small(64).load(4, 2, &mut file.as_slice()).unwrap_err();
        assert!(error.to_string().contains("hash_seed"), "{error}");
    }
}
