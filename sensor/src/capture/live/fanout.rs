//! PACKET_FANOUT: several sockets that share the frames of one interface (packet(7)).
//!
//! Frames are split by the symmetric hash of their flow. The kernel is not asked to put fragments
//! together first (PACKET_FANOUT_FLAG_DEFRAG), which the sensor does itself behind the merge.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::{GetStruct, SetStruct};
use nix::sys::socket::{getsockopt, setsockopt};

/// The socket option, which nix has no name for.
#[derive(Clone, Copy, Debug)]
struct PacketFanout;

nix::setsockopt_impl!(PacketFanout, libc::SOL_PACKET, libc::PACKET_FANOUT, u32, SetStruct<'_, u32>);
nix::getsockopt_impl!(PacketFanout, libc::SOL_PACKET, libc::PACKET_FANOUT, u32, GetStruct<u32>);

/// A group of sockets, by the number the kernel gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group(u16);

impl Group {
    /// Begins a group no other process uses, with `socket` in it.
    pub(super) fn begin(socket: &impl AsFd) -> Result<Self, Errno> {
        let unique = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_UNIQUEID;
        setsockopt(socket, PacketFanout, &(unique << 16))?;
        let [_, _, low, high] = getsockopt(socket, PacketFanout)?.to_be_bytes();
        Ok(Self(u16::from_be_bytes([low, high])))
    }

    /// Puts `socket` into the group, which is begun again where everyone has left it.
    pub(super) fn join(self, socket: &impl AsFd) -> Result<(), Errno> {
        setsockopt(socket, PacketFanout, &(libc::PACKET_FANOUT_HASH << 16 | u32::from(self.0)))
    }
}
