//! Which tool makes the names of one (client, domain), told by what its protocol must look like.
//!
//! Every recogniser follows the counters, sessions and layouts a tool cannot do without, so each
//! needs several names that agree with each other before it speaks. None knows a domain, and none
//! may raise an alert alone: a verdict is an explanation, and its share a feature. A tool that is
//! changed at the source escapes them; the leak contract does not depend on them.

use serde::{Deserialize, Serialize};

mod chunks;
mod cobalt_strike;
mod dns2tcp;
mod dnscat;
mod dnstt;
mod encoding;
mod iodine;
mod ozyman;
mod question;
mod saitama;
mod sliver;
#[cfg(test)]
mod tests;
mod tuns;

use geophone_sensor::decode::rdata::{Payload, type_name};
use geophone_sensor::record::Transaction;

pub use self::encoding::Encoding;
use self::question::Question;

/// Names that must fit before a recogniser speaks that follows a short counter or an alphabet.
const LEAST_NAMES: u32 = 8;
/// Names after which the verdict stands: a flood may bring millions.
const ENOUGH: u32 = 1 << 14;
/// The same where every fitting name repeats a session or mark of 16 bits or more.
const LEAST_MARKED: u32 = 4;
/// Of all names, the share that must fit, in hundredths.
const LEAST_PERCENT: u64 = 60;
/// Octets of text that a download brings at least in an answer.
const LEAST_TEXT: u32 = 24;
/// Query types that are counted for the mode.
const TYPES: usize = 4;
/// Name server queries are a resolver's, on its way to the tool's own server.
const TYPE_NS: u16 = 2;

/// A tool, or the shape of the names where none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tool {
    /// Cobalt Strike's DNS Beacon.
    CobaltStrike,
    /// dns2tcp.
    Dns2tcp,
    /// dnscat2.
    Dnscat2,
    /// `DNSExfiltrator`.
    DnsExfiltrator,
    /// dnstt.
    Dnstt,
    /// Scripts that send hexadecimal data with a running number.
    HexCounter,
    /// iodine over DNS.
    Iodine,
    /// iodine's raw mode, which is no DNS.
    IodineRaw,
    /// ozymandns.
    Ozymandns,
    /// Saitama, or an implant with the same scheme.
    Saitama,
    /// Sliver.
    Sliver,
    /// TUNS.
    Tuns,
    /// No known tool: names of one alphabet.
    Encoded(Encoding),
    /// No known tool: ever new text is fetched.
    TextDownload,
}

/// The tools with a recogniser, in the order of their counters.
const TOOLS: [Tool; 11] = [
    Tool::CobaltStrike,
    Tool::Dns2tcp,
    Tool::Dnscat2,
    Tool::DnsExfiltrator,
    Tool::Dnstt,
    Tool::HexCounter,
    Tool::Iodine,
    Tool::Ozymandns,
    Tool::Saitama,
    Tool::Sliver,
    Tool::Tuns,
];

impl Tool {
    /// Returns the name that alerts carry, `None` where no tool is known.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::CobaltStrike => "Cobalt Strike",
            Self::Dns2tcp => "dns2tcp",
            Self::Dnscat2 => "dnscat2",
            Self::DnsExfiltrator => "DNSExfiltrator",
            Self::Dnstt => "dnstt",
            Self::HexCounter => "numbered hex script",
            Self::Iodine => "iodine",
            Self::IodineRaw => "iodine raw mode",
            Self::Ozymandns => "ozymandns",
            Self::Saitama => "Saitama-like",
            Self::Sliver => "Sliver",
            Self::Tuns => "TUNS",
            Self::Encoded(_) | Self::TextDownload => return None,
        })
    }
}

/// What a tracker says: the tool, how it is used, and how many names say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolVerdict {
    /// The tool.
    pub tool: Tool,
    /// Types and encodings in words.
    pub mode: String,
    /// Names that fit.
    pub matching: u32,
    /// Names that were looked at.
    pub total: u32,
}

impl std::fmt::Display for ToolVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tool, mode, matching, total } = self;
        let unit = if *tool == Tool::IodineRaw { "datagrams" } else { "names" };
        let name = tool.name().unwrap_or("none known");
        write!(f, "{name} ({mode}) by {matching} of {total} {unit}")
    }
}

/// Follows the names of one (client, domain), or of one (client, server) where there is none.
///
/// At most 256 octets whatever comes. A name that repeats the one before it is not counted, nor is
/// one without a subdomain or asked for name servers only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ToolTracker {
    whole: bool,
    last_name: u32,
    total: u32,
    /// Datagrams of iodine's raw mode.
    raw: u32,
    /// Names that fit, by tool.
    fits: [u32; TOOLS.len()],
    /// Names asked for by type.
    types: [(u16, u16); TYPES],
    /// Answers with text that differs from the one before.
    texts: u32,
    last_text: u32,
    encodings: encoding::Encodings,
    cobalt_strike: cobalt_strike::CobaltStrike,
    dns2tcp: dns2tcp::Dns2tcp,
    dnscat: dnscat::Dnscat,
    dnstt: dnstt::Dnstt,
    iodine: iodine::Iodine,
    leading: chunks::Chunks,
    saitama: saitama::Saitama,
    trailing: chunks::Chunks,
    tuns: tuns::Tuns,
}

impl ToolTracker {
    /// Begins one whose names stand under no domain: all labels are data.
    #[must_use]
    pub fn without_domain() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Takes one transaction.
    pub fn add(&mut self, transaction: &Transaction) {
        if self.total >= ENOUGH {
            return;
        }
        let question = Question::new(transaction, self.whole);
        let hash = fold(transaction.qname.wire());
        let again = std::mem::replace(&mut self.last_name, hash) == hash && self.total > 0;
        if question.first().is_empty() || transaction.qtype == TYPE_NS || again {
            return;
        }
        self.total = self.total.saturating_add(1);
        self.note(transaction);
        self.encodings.add(&question);
        let fits = [
            self.cobalt_strike.add(&question),
            self.dns2tcp.add(&question),
            self.dnscat.add(&question),
            self.leading.leading(&question),
            self.dnstt.add(&question),
            self.trailing.trailing(&question),
            self.iodine.add(&question),
            ozyman::fits(&question),
            self.saitama.add(&question),
            sliver::fits(&question),
            self.tuns.add(&question),
        ];
        for (count, fits) in self.fits.iter_mut().zip(fits) {
            *count = count.saturating_add(u32::from(fits));
        }
    }

    /// Takes one datagram of iodine's raw mode.
    pub const fn add_raw(&mut self) {
        self.raw = self.raw.saturating_add(1);
    }

    /// Returns the datagrams of iodine's raw mode.
    #[must_use]
    pub const fn raw(&self) -> u32 {
        self.raw
    }

    fn note(&mut self, transaction: &Transaction) {
        let free = |(kind, n): &&mut (u16, u16)| *kind == transaction.qtype || *n == 0;
        if let Some((kind, n)) = self.types.iter_mut().find(free) {
            *kind = transaction.qtype;
            *n = n.saturating_add(1);
        }
        let answer = &transaction.answer;
        if Payload::of(transaction.qtype) == Payload::Text && answer.text_bytes >= LEAST_TEXT {
            let last = std::mem::replace(&mut self.last_text, answer.fingerprint);
            self.texts = self.texts.saturating_add(u32::from(last != answer.fingerprint));
        }
    }

    /// Returns the tool and the names that fit, if enough do.
    fn tool(&self) -> Option<(Tool, u32)> {
        let fitting = TOOLS.iter().zip(self.fits);
        let (tool, fits) = fitting.rev().max_by_key(|(_, fits)| *fits)?;
        let least = match tool {
            Tool::Dns2tcp | Tool::Dnscat2 | Tool::Dnstt | Tool::Ozymandns | Tool::Sliver => {
                LEAST_MARKED
            }
            Tool::Iodine => self.iodine.least(),
            _ => LEAST_NAMES,
        };
        self.enough(fits, least).then_some((*tool, fits))
    }

    fn enough(&self, fits: u32, least: u32) -> bool {
        fits >= least && u64::from(fits) * 100 >= u64::from(self.total) * LEAST_PERCENT
    }

    /// Returns the share of names that a known tool explains, 0 to 1; 0 where none is known.
    #[must_use]
    pub fn signature(&self) -> f64 {
        if self.raw > self.total {
            return 1.0;
        }
        self.tool().map_or(0.0, |(_, fits)| f64::from(fits) / f64::from(self.total.max(1)))
    }

    /// Says which tool makes the names, or what they look like where none is known.
    #[must_use]
    pub fn verdict(&self) -> Option<ToolVerdict> {
        let total = self.total;
        if self.raw > total {
            let mode = "UDP without DNS around it".to_owned();
            return Some(ToolVerdict {
                tool: Tool::IodineRaw,
                mode,
                matching: self.raw,
                total: self.raw,
            });
        }
        if let Some((tool, matching)) = self.tool() {
            return Some(ToolVerdict { tool, mode: self.mode(tool), matching, total });
        }
        if self.enough(self.texts, LEAST_NAMES) {
            let mode = "ever new text down".to_owned();
            return Some(ToolVerdict {
                tool: Tool::TextDownload,
                mode,
                matching: self.texts,
                total,
            });
        }
        let (encoding, matching) =
            self.encodings.best().filter(|(_, n)| self.enough(*n, LEAST_NAMES))?;
        let mode = format!("{} names", encoding.name());
        Some(ToolVerdict { tool: Tool::Encoded(encoding), mode, matching, total })
    }

    fn mode(&self, tool: Tool) -> String {
        let mut types: Vec<_> = self.types.iter().filter(|(_, n)| *n > 0).collect();
        types.sort_by_key(|(kind, n)| (std::cmp::Reverse(*n), *kind));
        let opaque = types.first().is_some_and(|(kind, _)| Payload::of(*kind) == Payload::Opaque);
        let types: Vec<_> = types.iter().map(|(kind, _)| type_name(*kind)).collect();
        let types = types.join("/");
        match tool {
            Tool::Iodine => format!("{types}, {}", self.iodine.mode(opaque)),
            Tool::Dnscat2 => format!("{types}, {}", self.dnscat.mode()),
            Tool::CobaltStrike => format!("{types}, {}", self.cobalt_strike.mode()),
            _ => types,
        }
    }
}

/// FNV-1a over the letters in lower case: tells a name from the one before it.
fn fold(wire: &[u8]) -> u32 {
    wire.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
}
