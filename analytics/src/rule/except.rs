//! Whom a watch leaves alone: `[[except]]` in its rule file.

use std::net::IpAddr;

use geophone_sensor::time::Timestamp;
use ipnet::IpNet;
use serde::Deserialize;

use super::class::day;
use crate::config::network;

/// An exception: holds where everything it names fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Except {
    /// The client's network, or any.
    client: Option<IpNet>,
    /// The server's network, or any.
    server: Option<IpNet>,
    /// The domain with all below it, in lower case, or any.
    domain: Option<String>,
    /// Why.
    pub reason: String,
    /// The end of its validity.
    pub expires: Option<Timestamp>,
}

/// The table as it is written; addresses stand for networks of one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExcept {
    client: Option<String>,
    server: Option<String>,
    domain: Option<String>,
    reason: String,
    expires: Option<String>,
}

impl RawExcept {
    pub(super) fn check(self) -> Result<Except, String> {
        if self.client.is_none() && self.server.is_none() && self.domain.is_none() {
            return Err("an exception must name a client, a server or a domain".to_owned());
        }
        if self.reason.trim().is_empty() {
            return Err("an exception must have a reason".to_owned());
        }
        Ok(Except {
            client: self.client.as_deref().map(network).transpose()?,
            server: self.server.as_deref().map(network).transpose()?,
            domain: self.domain.map(|domain| domain.trim_end_matches('.').to_ascii_lowercase()),
            reason: self.reason,
            expires: self.expires.as_deref().map(day).transpose()?,
        })
    }
}

impl Except {
    /// Tells whether it covers what happens at `time` between these.
    #[must_use]
    pub fn covers(&self, time: Timestamp, client: IpAddr, server: IpAddr, qname: &str) -> bool {
        let fits = |network: &Option<IpNet>, host: IpAddr| {
            network.is_none_or(|network| network.contains(&host))
        };
        self.expires.is_none_or(|end| time < end)
            && fits(&self.client, client)
            && fits(&self.server, server)
            && self.domain.as_deref().is_none_or(|domain| is_under(qname, domain))
    }

    /// Tells whether it names a domain.
    #[must_use]
    pub const fn names_a_domain(&self) -> bool {
        self.domain.is_some()
    }
}

/// Tells whether `name` is `domain` or stands below it, at a dot.
pub(crate) fn is_under(name: &str, domain: &str) -> bool {
    let name = name.trim_end_matches('.');
    let Some(at) = name.len().checked_sub(domain.len()) else { return false };
    let Some((front, end)) = name.split_at_checked(at) else { return false };
    end.eq_ignore_ascii_case(domain) && (front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use geophone_sensor::toml_file;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        except: Vec<RawExcept>,
    }

    fn read(text: &str) -> Result<Except, String> {
        let file: File = toml_file::parse(text, "r.toml").unwrap();
        file.except.into_iter().next().unwrap().check()
    }

    fn covers(text: &str, client: u8, name: &str) -> bool {
        let host = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        read(text).unwrap().covers(Timestamp(86_400_000_000), host(client), host(53), name)
    }

    #[test]
    fn everything_it_names_must_fit() {
        let text =
            "[[except]]\nclient = \"10.0.0.8/29\"\ndomain = \"Example.org.\"\nreason = \"r\"\n";
        assert!(covers(text, 9, "a.EXAMPLE.org"));
        assert!(covers(text, 9, "example.org."));
        assert!(!covers(text, 9, "an-example.org"), "only at a dot");
        assert!(!covers(text, 16, "example.org"));
        let text = "[[except]]\nserver = \"10.0.0.53\"\nreason = \"r\"\n";
        assert!(covers(text, 1, ""));
    }

    #[test]
    fn it_ends_on_its_day() {
        let until = |day| {
            let text = format!(
                "[[except]]\nserver = \"10.0.0.53\"\nreason = \"r\"\nexpires = \"{day}\"\n"
            );
            covers(&text, 1, "")
        };
        assert!(until("1970-01-03") && !until("1970-01-02"));
    }

    #[test]
    fn what_names_nothing_or_no_network_is_refused() {
        let error = read("[[except]]\nreason = \"r\"\n").unwrap_err();
        assert!(error.contains("must name"), "{error}");
        let error = read("[[except]]\nclient = \"10.0.0\"\nreason = \"r\"\n").unwrap_err();
        assert!(error.contains("10.0.0"), "{error}");
        let error = read("[[except]]\nclient = \"10.0.0.1\"\nreason = \" \"\n").unwrap_err();
        assert!(error.contains("reason"), "{error}");
    }
}
