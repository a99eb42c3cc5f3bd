//! How many queries wait on each pair of addresses and ports, by their hash.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::FixedState;

/// Cells of the table; two pairs share one by a chance of one in so many.
const CELLS: usize = 1 << 16;

/// Counts by the hash of addresses and ports: it may say yes in error (1 in 65,536 for each pair
/// that waits), never no.
pub(super) struct WaitingFlows {
    cells: Vec<u16>,
    hasher: FixedState,
}

impl WaitingFlows {
    pub(super) fn new(seed: u64) -> Self {
        Self { cells: vec![0; CELLS], hasher: FixedState::with_seed(seed) }
    }

    pub(super) fn add(&mut self, ends: [(IpAddr, u16); 2]) {
        if let Some(cell) = self.cell(ends) {
            *cell = cell.saturating_add(1);
        }
    }

    pub(super) fn remove(&mut self, ends: [(IpAddr, u16); 2]) {
        if let Some(cell) = self.cell(ends) {
            *cell = cell.saturating_sub(1);
        }
    }

    pub(super) fn has(&mut self, ends: [(IpAddr, u16); 2]) -> bool {
        self.cell(ends).is_some_and(|cell| *cell > 0)
    }

    fn cell(&mut self, ends: [(IpAddr, u16); 2]) -> Option<&mut u16> {
        let [client, server] = ends.map(|(host, port)| (bits(host), port));
        let ports = u32::from(client.1) << 16 | u32::from(server.1);
        let hash = self.hasher.hash_one((client.0, server.0, ports));
        let index = usize::try_from(hash % 65_536).ok()?;
        self.cells.get_mut(index)
    }
}

fn bits(host: IpAddr) -> u128 {
    match host {
        IpAddr::V4(four) => u128::from(four.to_bits()),
        IpAddr::V6(six) => six.to_bits(),
    }
}
