//! Domain generators that resemble known families, each with the number of domains that may go by
//! before it is told.
//!
//! Written from published descriptions (Plohmann et al. 2016, DGArchive; the analyses of the single
//! families), not from code of theirs: alphabets, lengths, suffixes and how a name follows from the
//! one before are theirs, seeds and word lists are ours. So a row says how soon names of that form
//! are told, not that today's sample of the family is.

mod drawn;
mod hashed;
mod spoken;
mod worded;

/// A generator.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// What the names are made of.
    pub(crate) form: &'static str,
    /// Makes the domain of this number.
    make: fn(u32) -> String,
    /// Missing domains after which it must be told, at most.
    pub(crate) most: u32,
}

impl Family {
    /// Returns the first hundred domains.
    pub(crate) fn domains(&self) -> Vec<String> {
        let mut domains: Vec<String> = Vec::new();
        for domain in (0..).map(self.make) {
            if !domains.contains(&domain) {
                domains.push(domain);
            }
            if domains.len() == 100 {
                break;
            }
        }
        domains
    }
}

const fn family(
    name: &'static str,
    form: &'static str,
    make: fn(u32) -> String,
    most: u32,
) -> Family {
    Family { name, form, make, most }
}

/// Those that are measured.
pub(crate) const FAMILIES: [Family; 15] = [
    family("conficker", "5 to 11 letters, five suffixes", drawn::conficker, 20),
    family("cryptolocker", "12 to 15 letters, seven suffixes", drawn::cryptolocker, 20),
    family("locky", "5 to 15 letters, many suffixes", drawn::locky, 20),
    family("necurs", "7 to 21 letters, many suffixes", drawn::necurs, 20),
    family("ramnit", "8 to 19 letters, com", drawn::ramnit, 20),
    family("tinba", "12 letters, com", drawn::tinba, 20),
    family("bamital", "32 hexadecimal digits", hashed::bamital, 20),
    family("dyre", "a letter and 33 hexadecimal digits", hashed::dyre, 20),
    family("gameover", "20 to 28 letters and digits", hashed::gameover, 20),
    family("banjori", "the first four letters of a written name change", spoken::banjori, 20),
    family("simda", "consonants and vowels in turn", spoken::simda, 20),
    family("gozi", "words of a text, 12 to 24 letters", worded::gozi, 20),
    family("matsnu", "verbs and nouns, up to 24 letters", worded::matsnu, 15),
    family("nymaim", "an adjective and a noun, many suffixes", worded::nymaim, 45),
    family("suppobox", "two words, net", worded::suppobox, 45),
];

/// A linear congruential generator (Park and Miller 1988): what many families use.
struct Lcg(u32);

impl Lcg {
    fn new(seed: u32) -> Self {
        let mut lcg = Self(seed % 0x7fff_fffe + 1);
        lcg.below(2);
        lcg
    }

    fn below(&mut self, most: u32) -> u32 {
        let next = u64::from(self.0) * 16_807 % 0x7fff_ffff;
        self.0 = u32::try_from(next).unwrap();
        // The low digits of such a generator repeat soon.
        self.0 / 7 % most
    }

    fn among<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let n = u32::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.below(n)).unwrap()]
    }

    fn letters(&mut self, alphabet: &[u8], length: u32) -> String {
        let n = u32::try_from(alphabet.len()).unwrap();
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.below(n)).unwrap()])).collect()
    }
}
