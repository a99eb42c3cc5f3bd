//! What a process leaves in its spool.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};

use super::segment::{FRAME_HEAD, Segment, frame};
use super::{FIRST, Spool, SpoolError, length};

impl Spool {
    /// Puts `messages`, which came back undelivered, before everything that was not read yet, in
    /// place of all that was. For the end of a process. Returns how many had no room.
    ///
    /// # Errors
    /// A file that cannot be written; what was there stays.
    pub fn put_back(&mut self, messages: &[Vec<u8>]) -> Result<u64, SpoolError> {
        // Where that fails, what waits in memory is read from there.
        let _ = self.flush();
        let begun: Vec<u64> =
            self.segments.iter().filter(|(_, segment)| segment.read > 0).map(|(n, _)| *n).collect();
        let replaced: u64 =
            begun.iter().filter_map(|n| self.segments.get(n)).map(|segment| segment.bytes).sum();
        let number = self.segments.keys().next().map_or(FIRST, |first| first.saturating_sub(1));
        let (path, temporary) = (self.path(number), self.dir.join("front.tmp"));
        let failed = |source| SpoolError::File { path: temporary.clone(), source };
        let mut out = BufWriter::new(File::create(&temporary).map_err(failed)?);
        let mut front = Segment::default();
        let (room, mut refused) = (self.limit.saturating_sub(self.bytes - replaced), 0);
        let mut put = |message: &[u8], front: &mut Segment| {
            let octets = FRAME_HEAD + length(message);
            if front.bytes + octets > room {
                refused += 1;
                return Ok(());
            }
            front.bytes += octets;
            front.messages += 1;
            frame(message, &mut out)
        };
        for message in messages {
            put(message, &mut front).map_err(failed)?;
        }
        // What the file at hand still has behind what was read of it.
        let mut message = Vec::new();
        while self.first_unread().is_some_and(|number| begun.contains(&number)) {
            self.next(&mut message)?;
            put(&message, &mut front).map_err(failed)?;
        }
        out.flush().and_then(|()| out.get_ref().sync_data()).map_err(failed)?;
        fs::rename(&temporary, &path).map_err(failed)?;
        for number in begun {
            if let Some(segment) = self.segments.get_mut(&number) {
                segment.settled = segment.messages;
            }
            self.drop_if_done(number)?;
        }
        self.bytes += front.bytes;
        self.segments.insert(number, front);
        self.drop_if_done(number)?;
        Ok(refused)
    }

    /// Forgets what cannot be written; returns how many messages that costs. For the end of a process.
    pub fn abandon(&mut self) -> u64 {
        if self.flush().is_ok() {
            return 0;
        }
        let (lost, octets) = (self.n_unwritten, self.unwritten.len());
        if let Some((number, _)) = &self.writer {
            self.forget_unwritten(*number, octets, lost);
        }
        lost
    }
}
