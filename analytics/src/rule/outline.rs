//! What of a shape can be seen at a glance: most names are held against dozens, and fit none.

use super::pattern::Walk;

/// What every name of a shape has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// The fewest and the most labels.
    pub(super) labels: (usize, usize),
    /// The first octet in lower case, where all names begin alike.
    pub(super) first: Option<u8>,
    /// Whether all have an underscore.
    pub(super) underscored: bool,
}

/// A name at a glance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    labels: usize,
    first: Option<u8>,
    underscored: bool,
}

impl Glance {
    /// Looks at the labels in `wire`, each behind its length octet.
    pub(super) fn of(wire: &[u8]) -> Self {
        Self {
            labels: Walk(wire).count(),
            first: wire.get(1).map(u8::to_ascii_lowercase),
            underscored: wire.contains(&b'_'),
        }
    }
}

impl Outline {
    /// Tells whether a name may have the shape; where it may not, it has not.
    pub(super) fn allows(&self, name: Glance) -> bool {
        (name.underscored || !self.underscored)
            && (self.first.is_none() || self.first == name.first)
            && (self.labels.0..=self.labels.1).contains(&name.labels)
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;
    use proptest::prelude::*;

    use crate::rule::Rules;

    proptest! {
        /// Against the shapes of all classes: labels that are drawn from what they are made of.
        #[test]
        fn no_name_that_fits_a_shape_is_turned_away_at_a_glance(
            labels in prop::collection::vec(prop::sample::select(vec![
                "_", "_ldap", "_LDAP", "_tcp", "dc", "_msdcs", "www", "12", "255", "a", "7",
                "wpad", "WPAD", "_dmarc", "_spf", "s1", "_domainkey", "_443", "example", "com",
                "_ta-4f66", "root-key-sentinel-is-ta-20326", "_sites", "_report", "spf", "ip6",
            ]), 1..8),
        ) {
            let mut name = Name::default();
            for label in &labels {
                name.push(label.as_bytes());
            }
            let wire = name.wire().strip_suffix(&[0]).unwrap_or_else(|| name.wire());
            for allow in Rules::builtin().unwrap().allow.iter() {
                for shape in &allow.shapes {
                    prop_assert!(!shape.fits(wire) || shape.may_fit(super::Glance::of(wire)),
                        "{shape} {name}");
                }
            }
        }
    }
}
