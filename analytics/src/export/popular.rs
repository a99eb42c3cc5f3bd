//! Domains that half the world uses: whatever an alert says, a list that held one would do harm.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The registered domains, one a line.
const LIST: &str = include_str!("popular.txt");

static POPULAR: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| LIST.lines().filter(|line| !line.starts_with('#')).collect());

/// Tells whether `domain`, in lower case, is one of them.
pub(super) fn is_popular(domain: &str) -> bool {
    POPULAR.contains(domain)
}

#[cfg(test)]
mod tests {
    use super::super::domain::Domain;
    use super::*;

    #[test]
    fn each_is_one_that_somebody_registered() {
        for line in LIST.lines().filter(|line| !line.starts_with('#')) {
            let registered = psl::domain_str(line);
            let is_suffix =
                matches!(Domain::new(line), Err(super::super::left_out::Why::PublicSuffix));
            assert!(registered == Some(line) || is_suffix, "{line}");
        }
        assert!(is_popular("google.com") && !is_popular("www.google.com") && !is_popular("# x"));
    }
}
