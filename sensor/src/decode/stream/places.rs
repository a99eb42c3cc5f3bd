//! Where a stream goes on, and what a receiver would not believe of that.

use super::Stream;
use crate::counter::Counters;
use crate::decode::heard::{Heard, Output};

impl Stream {
    /// Takes note of a handshake: once this stream ended it is another's; before that, once that
    /// one's first octet comes.
    pub(in crate::decode) fn handshake<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        start: u32,
        out: &mut Output<'_, F>,
    ) {
        if self.started && !self.ended {
            self.start_anew = Some(start).filter(|_| self.start != Some(start));
            return;
        }
        self.end(out);
        self.reset();
        self.begin(start);
    }

    /// Ends the stream if a reset with this number would end it (RFC 5961 section 3.2).
    pub(in crate::decode) fn refused<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        sequence: u32,
        out: &mut Output<'_, F>,
    ) {
        if sequence == self.here.next || self.here.ahead.iter().any(|a| a.end() == sequence) {
            self.end(out);
        }
    }

    /// Goes where a segment belongs that is not next in line.
    pub(super) fn find_place<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        sequence: u32,
        out: &mut Output<'_, F>,
    ) {
        if let Some(left) = self.left.as_mut().filter(|left| left.next == sequence) {
            std::mem::swap(&mut self.here, left);
        } else if self.start_anew == Some(sequence) {
            self.leave(out);
            self.begin(sequence);
        } else if self.here.is_far(sequence) {
            self.leave(out);
            self.here.next = sequence;
        }
    }

    /// Remembers where the stream is read, which then is nowhere in particular.
    ///
    /// A place where it never went on is not worth that of another.
    fn leave<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        if self.left.is_some() && !self.here.went_on() {
            self.give_up(out);
        } else {
            self.forget(out);
            self.left = Some(Box::new(std::mem::take(&mut self.here)));
        }
        self.here.reset();
    }

    /// Gives up where the stream was left.
    pub(super) fn forget<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        let Some(mut left) = self.left.take() else { return };
        std::mem::swap(&mut self.here, &mut left);
        self.give_up(out);
        std::mem::swap(&mut self.here, &mut left);
    }

    /// Reads what waits here as far as it can be read.
    fn give_up<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        while !self.here.ahead.is_empty() {
            self.jump_hole(out);
        }
        self.tell_rest(self.last, &[], out);
        self.drop_partial(out);
    }

    /// Goes on behind a hole; where the stream was before it is remembered.
    pub(in crate::decode) fn pass_hole<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        out: &mut Output<'_, F>,
    ) {
        let ahead = std::mem::take(&mut self.here.ahead);
        let (next, foreign) = (self.here.next, self.here.foreign);
        self.leave(out);
        (self.here.next, self.here.ahead, self.here.foreign) = (next, ahead, foreign);
        self.jump_hole(out);
    }
}
