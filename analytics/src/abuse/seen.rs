//! A record as watches see it.

use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::record::{NotDns, Record, Role, Tick, Transaction};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of the two hosts of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roles(u32);

impl Roles {
    /// Nothing is known.
    pub(crate) const NONE: Self = Self(0);
    /// The client is of this site.
    pub(crate) const CLIENT_INSIDE: Self = Self(1);
    /// The server is of this site.
    pub(crate) const SERVER_INSIDE: Self = Self(1 << 1);
    /// The client is a resolver of this site.
    pub(crate) const CLIENT_RESOLVER: Self = Self(1 << 2);
    /// The server is a resolver of this site.
    pub(crate) const SERVER_RESOLVER: Self = Self(1 << 3);
    /// The server is authoritative for zones of this site.
    pub(crate) const SERVER_AUTHORITATIVE: Self = Self(1 << 4);
    /// The client may ask for zone transfers.
    pub(crate) const CLIENT_SECONDARY: Self = Self(1 << 5);
    /// The client is a mail server of this site.
    pub(crate) const CLIENT_MAIL: Self = Self(1 << 6);

    /// The name stands in a zone of this site.
    pub(crate) const NAME_INTERNAL: Self = Self(1 << 7);

    /// The client never asked the registered domain before, as far as is remembered.
    pub(crate) const DOMAIN_NEW: Self = Self(1 << 8);

    /// Few clients ask the registered domain, as far as is known.
    pub(crate) const DOMAIN_RARE: Self = Self(1 << 9);
    /// The configuration names the resolvers of this site.
    pub(crate) const RESOLVERS_NAMED: Self = Self(1 << 10);

    /// The sensor has watched for longer than the warm-up of what is usual.
    pub(crate) const SETTLED: Self = Self(1 << 11);
    /// The sensor has watched for a day.
    pub(crate) const DAY_OLD: Self = Self(1 << 12);
    /// The client never asked this resolver of the site before, as far as is remembered.
    pub(crate) const PAIR_NEW: Self = Self(1 << 13);

    /// The site as a whole answers no more than before, and the host of the second answers.
    pub(crate) const SITE_STEADY: Self = Self(1 << 14);

    /// The name turned from public to private addresses.
    pub(crate) const NAME_TURNED: Self = Self(1 << 15);

    /// An allowance covers the name by a domain that it lists.
    pub(crate) const NAME_LISTED: Self = Self(1 << 16);
    /// The site gets no answers, or failures, for whatever it asks.
    pub(crate) const SITE_CUT_OFF: Self = Self(1 << 17);

    /// Tells whether all of `roles` are known.
    pub(crate) const fn has(self, roles: Self) -> bool {
        self.0 & roles.0 == roles.0
    }

    /// Adds `roles`.
    #[must_use]
    pub(crate) const fn and(self, roles: Self) -> Self {
        Self(self.0 | roles.0)
    }

    /// Adds `roles` where `holds`.
    #[must_use]
    pub(crate) const fn with(self, roles: Self, holds: bool) -> Self {
        if holds { Self(self.0 | roles.0) } else { self }
    }
}

/// A record with what is known of its hosts.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) roles: Roles,
    /// When it was over, for a second; otherwise when it was captured.
    pub(crate) at: Timestamp,
}

impl<'a> Seen<'a> {
    /// Returns when `record` happened, by the time that its case goes by.
    pub(crate) fn time_of(record: &Record<'_>) -> Timestamp {
        match record {
            Record::NotDns(payload) => payload.time,
            Record::Tick(tick) => tick.time.plus(Duration::from_secs(1)),
            Record::Transaction(transaction) => transaction.time,
            _ => Timestamp::default(),
        }
    }

    /// Returns the client and the server of `record`, as far as it has them.
    pub(crate) fn hosts_of(record: &Record<'_>) -> (Option<IpAddr>, Option<IpAddr>) {
        match record {
            Record::NotDns(payload) => (Some(payload.client), Some(payload.server)),
            Record::Tick(Tick { role: Role::Client, address, .. }) => (*address, None),
            Record::Tick(Tick { role: Role::Server, address, .. }) => (None, *address),
            Record::Transaction(transaction) => {
                (Some(transaction.client), Some(transaction.server))
            }
            _ => (None, None),
        }
    }

    /// Returns the exchange, if it is one.
    pub(crate) const fn transaction(&self) -> Option<&'a Transaction> {
        match self.record {
            Record::Transaction(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// Returns the payload that is not DNS, if it is one.
    pub(crate) const fn payload(&self) -> Option<&'a NotDns> {
        match self.record {
            Record::NotDns(payload) => Some(payload),
            _ => None,
        }
    }

    /// Returns the second of a host, if it is one.
    pub(crate) const fn tick(&self) -> Option<&'a Tick> {
        match self.record {
            Record::Tick(tick) => Some(tick),
            _ => None,
        }
    }
}
