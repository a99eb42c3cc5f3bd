//! The site: whose the hosts are. Everything may be left out; what is left out is guessed.

use std::net::IpAddr;

use geophone_sensor::name::Name;
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The table `[network]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Networks of this site; where none is named, private and link-local addresses are inside. An
    /// address stands for a network of one.
    #[serde(deserialize_with = "networks")]
    pub internal: Vec<IpNet>,
    /// Resolvers that clients are meant to ask.
    #[serde(deserialize_with = "hosts")]
    pub resolvers: Vec<IpAddr>,
    /// Servers that are authoritative for zones of this site. What outsiders ask them is charged to
    /// nobody by the leak contract.
    #[serde(deserialize_with = "hosts")]
    pub authoritative: Vec<IpAddr>,
    /// Networks or hosts that may ask for zone transfers.
    #[serde(deserialize_with = "networks")]
    pub secondaries: Vec<IpNet>,
    /// Zones whose names must not be asked of servers outside, in lower case, without a final dot.
    #[serde(deserialize_with = "zones")]
    pub zones: Vec<String>,
    /// Mail servers, which look up everybody who connects: no sweep of addresses.
    #[serde(deserialize_with = "hosts")]
    pub mail: Vec<IpAddr>,
}

/// Reads a network, or an address, which stands for a network of one.
///
/// # Errors
/// What is neither.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(|host| IpNet::from(host.to_canonical()));
    let network: IpNet = text
        .parse()
        .or_else(|_| address())
        .map_err(|_| format!("\"{text}\" is neither an address nor a network like 192.0.2.0/24"))?;
    if network.prefix_len() == 0 {
        return Err(format!("\"{text}\" is everybody: name the networks of this site"));
    }
    Ok(network)
}

fn hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpAddr>, D::Error> {
    // An IPv4 address in its IPv6 form is the host of its packets (RFC 4291 section 2.5.5.2).
    let hosts = Vec::<IpAddr>::deserialize(from)?;
    Ok(hosts.into_iter().map(|host| host.to_canonical()).collect())
}

fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| network(text).map_err(D::Error::custom)).collect()
}

fn zones<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| zone(text).map_err(D::Error::custom)).collect()
}

/// Reads the name of a zone; all below it is meant anyway.
fn zone(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let sound = Name::parse(&name).is_ok_and(|name| !name.is_root());
    if sound && name.bytes().all(is_plain) {
        return Ok(name);
    }
    Err(format!(
        "\"{text}\" is no zone: write a domain name like corp.example, which means all below it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_in_any_spelling_and_what_is_none_is_refused() {
        let read = |zone: &str| toml::from_str::<NetworkConfig>(&format!("zones = [\"{zone}\"]"));
        assert_eq!(read("Corp.Example.").unwrap().zones, ["corp.example"]);
        for wrong in ["*.corp.example", ".corp.example", "", ".", "exa mple"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("is no zone: write a domain name"), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        let read =
            |text: &str| toml::from_str::<NetworkConfig>(&format!("secondaries = [\"{text}\"]"));
        assert_eq!(read("10.0.0.61").unwrap(), read("10.0.0.61/32").unwrap());
        for everybody in ["0.0.0.0/0", "::/0"] {
            let error = read(everybody).unwrap_err().to_string();
            assert!(error.contains("is everybody"), "{error}");
        }
        let mapped: NetworkConfig = toml::from_str("resolvers = [\"::ffff:10.0.0.53\"]").unwrap();
        assert_eq!(mapped.resolvers, ["10.0.0.53".parse::<IpAddr>().unwrap()]);
        let error = read("10.0.0").unwrap_err().to_string();
        assert!(error.contains("neither an address nor a network"), "{error}");
    }
}
