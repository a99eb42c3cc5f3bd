//! A token for SASL/OAUTHBEARER out of a file that something else keeps fresh (RFC 7628).
//!
//! The token is not verified here, the brokers do that; only who it names and when it ends is read
//! (RFC 7519 section 4.1), because librdkafka asks for both.

use std::fmt;
use std::fs;
use std::path::Path;

use rdkafka::client::OAuthToken;
use serde::Deserialize;

/// Octets a token may have.
const LONGEST: usize = 65_536;

/// Why there is no token; never says what is in the file.
#[derive(Debug, thiserror::Error)]
#[error("no token for SASL/OAUTHBEARER: {0}")]
pub struct TokenError(String);

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: String,
    exp: Seconds,
}

/// A number of seconds, which some write with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Whole(i64),
    Fraction(f64),
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")
    }
}

/// Reads the token in `path`.
///
/// # Errors
/// A file that cannot be read or holds no JWT with an end.
pub fn read_token(path: Option<&Path>) -> Result<OAuthToken, TokenError> {
    let Some(path) = path else {
        return Err(TokenError("name a file that holds it as kafka.token_file".to_owned()));
    };
    let text = fs::read_to_string(path)
        .map_err(|error| TokenError(format!("cannot read \"{}\": {error}", path.display())))?;
    token_of(text.trim())
        .ok_or_else(|| TokenError(format!("\"{}\" holds no JWT with an `exp`", path.display())))
}

fn token_of(text: &str) -> Option<OAuthToken> {
    let claims = text.split('.').nth(1).filter(|_| text.len() <= LONGEST)?;
    let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
    let lifetime_ms = match claims.exp {
        Seconds::Whole(seconds) => seconds.saturating_mul(1_000),
        Seconds::Fraction(seconds) => milliseconds(seconds),
    };
    let principal_name = if claims.sub.is_empty() { "geophone".to_owned() } else { claims.sub };
    Some(OAuthToken { token: text.to_owned(), principal_name, lifetime_ms })
}

#[expect(clippy::cast_possible_truncation, reason = "a float turned into an integer saturates")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0) as i64
}

/// Decodes base64url without padding (RFC 4648 section 5).
fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut octets, mut bits, mut n_bits) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xffff;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            octets.push(u8::try_from(bits >> n_bits & 0xff).ok()?);
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is_and_when_it_ends() {
        // {"sub":"tap-1","exp":1790000000.5}
        let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0YXAtMSIsImV4cCI6MTc5MDAwMDAwMC41fQ.c2ln";
        let token = token_of(jwt).unwrap();
        assert_eq!(token.principal_name, "tap-1");
        assert_eq!(token.lifetime_ms, 1_790_000_000_500);
        assert_eq!(token.token, jwt);
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        for text in ["", "hunter2", "a.b.c", "a.!!!.c", "eyJ.e30.x"] {
            assert!(token_of(text).is_none(), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "hunter2").unwrap();
        let error = read_token(Some(&path)).err().unwrap().to_string();
        assert!(error.contains("token\" holds no JWT") && !error.contains("hunter2"), "{error}");
        assert!(read_token(None).err().unwrap().to_string().contains("kafka.token_file"));
    }
}
