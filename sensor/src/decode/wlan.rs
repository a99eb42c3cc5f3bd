//! IEEE 802.11 data frames and the headers that capture programs put before them.

use crate::decode::layer::{Layer, Next, skip};
use crate::decode::segment::Passed;
use crate::decode::wire::{u16_at, u32_at};

/// Octets of the header with three addresses.
const HEADER: usize = 24;
/// Octets of a fourth address.
const ADDRESS: usize = 6;

/// Takes an 802.11 header off (IEEE 802.11-2020 section 9.2.4); `align` rounds its length up.
///
/// Frames that are encrypted or carry no data are not ours.
pub(super) fn step(data: &[u8], align: usize) -> Result<Next<'_>, Passed> {
    let (Some(control), Some(flags)) = (data.first(), data.get(1)) else {
        return Err(Passed::Cut);
    };
    let (kind, subtype) = ((control >> 2) & 3, control >> 4);
    let (has_data, protected) = (subtype & 0x4 == 0, flags & 0x40 != 0);
    if kind != 2 || !has_data || protected {
        return Err(Passed::NotIp);
    }
    let mut length = HEADER;
    if flags & 0x03 == 0x03 {
        length += ADDRESS;
    }
    let mut aggregated = false;
    if subtype & 0x8 != 0 {
        aggregated = data.get(length).ok_or(Passed::Cut)? & 0x80 != 0;
        // Quality of service, and the HT control field where the order bit says so.
        length += if flags & 0x80 != 0 { 6 } else { 2 };
    }
    if align > 0 {
        length = length.next_multiple_of(align);
    }
    // Of an aggregate the first subframe is read: two addresses and a length, then LLC.
    skip(data, if aggregated { length + 14 } else { length }, Layer::Llc)
}

/// Radiotap (radiotap.org): its length stands at octet 2, least octet first.
pub(super) fn radiotap(data: &[u8]) -> Result<Next<'_>, Passed> {
    let length = usize::from(u16_at(data, 2).ok_or(Passed::Cut)?.swap_bytes());
    let present = u32_at(data, 4).ok_or(Passed::Cut)?.swap_bytes();
    let mut fields = 8;
    let mut more = present;
    while more & 0x8000_0000 != 0 {
        more = u32_at(data, fields).ok_or(Passed::Cut)?.swap_bytes();
        fields += 4;
    }
    // The flags stand behind the time, which is aligned to its eight octets.
    let flags_at = if present & 1 != 0 { fields.next_multiple_of(8) + 8 } else { fields };
    let padded = present & 2 != 0 && data.get(flags_at).is_some_and(|flags| flags & 0x20 != 0);
    let frame = data.get(length.max(8)..).ok_or(Passed::Cut)?;
    step(frame, if padded { 4 } else { 0 })
}

/// Prism: its length stands at octet 4, in the recorder's byte order.
pub(super) fn prism(data: &[u8]) -> Result<Next<'_>, Passed> {
    if matches!(data, [0x80, 0x21, 0x10, ..]) {
        return avs(data);
    }
    let length = u32_at(data, 4).ok_or(Passed::Cut)?;
    step(data.get(index(length.min(length.swap_bytes()))..).ok_or(Passed::Cut)?, 0)
}

/// AVS: its length stands at octet 4, greatest octet first.
pub(super) fn avs(data: &[u8]) -> Result<Next<'_>, Passed> {
    let length = u32_at(data, 4).ok_or(Passed::Cut)?;
    step(data.get(index(length)..).ok_or(Passed::Cut)?, 0)
}

fn index(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
