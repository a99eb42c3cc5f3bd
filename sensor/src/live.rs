//! A live capture as a program runs it: its frames, the recording of them, and what the operator is
//! told meanwhile.
//!
//! The order of calls: [`Signals::install`](crate::signals::Signals::install), [`LiveSource::open`], then every output,
//! [`LiveSource::drop_privileges`], and only then the first frame.

mod losses;

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::capture::{
    CaptureError, Frame, FrameSource, LiveCapture, LiveConfig, Losses, Progress, Recording,
};
use crate::config::{CaptureConfig, SensorConfig};
use crate::privilege::{PrivilegeError, PrivilegePlan, Report, drop_privileges, hand_over};

use losses::LossWatch;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Frames of interfaces, recorded on their way where that is asked for.
///
/// A replay of the recording gives the same frames, and the same losses before the same frames.
pub struct LiveSource {
    capture: LiveCapture,
    user: String,
    recording: Option<Tape>,
    flush: Box<dyn FnMut()>,
    /// The second of capture time in which that was last done.
    flushed: i64,
    /// Losses as a replay of the recording would know them.
    losses: Losses,
    watch: LossWatch,
    notices: VecDeque<CaptureError>,
}

struct Tape {
    path: PathBuf,
    recording: Recording<BufWriter<File>>,
}

impl LiveSource {
    /// Opens the interfaces and begins the recording. Capturing ends when `stop` is set.
    ///
    /// # Errors
    /// The first setting, interface or file that does not work, with the cure.
    pub fn open(
        config: &CaptureConfig,
        sensor: &SensorConfig,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, CaptureError> {
        let capture = LiveCapture::open(&live_config(config, sensor), stop)?;
        let begin = |path: &PathBuf| {
            let recording = Recording::create(path, capture.interfaces())?;
            Ok(Tape { path: path.clone(), recording })
        };
        let recording = config.record.as_ref().map(begin).transpose()?;
        Ok(Self {
            capture,
            user: config.user.clone(),
            recording,
            flush: Box::new(|| {}),
            flushed: i64::MIN,
            losses: Losses::default(),
            watch: LossWatch::new(config.warn_loss_permille),
            notices: VecDeque::new(),
        })
    }

    /// Calls `flush` once in a second of capture time, and when nothing has come for some 0.2 s, to
    /// write out what is buffered.
    pub fn on_pause(&mut self, flush: impl FnMut() + 'static) {
        self.flush = Box::new(flush);
    }

    /// Gives up every right that capturing and `plan` do not take; to be called with all outputs
    /// open. Whom to become stands in the settings.
    ///
    /// # Errors
    /// A user or path that does not exist, or a step the system refuses.
    pub fn drop_privileges(&self, plan: PrivilegePlan) -> Result<Report, PrivilegeError> {
        let system = LiveCapture::READ_PATHS.iter().map(PathBuf::from);
        let read = system.filter(|path| path.exists()).chain(plan.read);
        for path in &plan.write {
            hand_over(path, &self.user)?;
        }
        drop_privileges(&PrivilegePlan { user: self.user.clone(), read: read.collect(), ..plan })
    }

    /// Says in a line what became of the frames.
    #[must_use]
    pub fn summary(&self) -> String {
        let Losses { kernel, interface } = self.capture.losses();
        let frames = self.capture.delivered();
        let mut text = format!(
            "{frames} frames captured, {kernel} dropped by the kernel, {interface} by the interface"
        );
        match self.capture.late() {
            0 => {}
            late => text += &format!(", {late} out of order"),
        }
        if let Some(tape) = &self.recording {
            text += &format!(", recorded in \"{}\"", tape.path.display());
        }
        text
    }

    /// Takes note of what was dropped so far: before the frame that is at hand.
    fn note_losses(&mut self) {
        let losses = self.capture.losses();
        if losses == self.losses {
            return;
        }
        self.losses = losses;
        if let Some(tape) = &mut self.recording {
            tape.recording.losses(losses);
        }
        let time = self.capture.taken().map(|(_, frame)| frame.time).unwrap_or_default();
        self.notices.extend(self.watch.note(time, self.capture.delivered(), losses));
    }

    /// Ends a recording that can no longer be written; the capture goes on.
    fn check_recording(&mut self, last: bool) {
        let Some(tape) = &mut self.recording else { return };
        if !last && !tape.recording.has_failed() {
            return;
        }
        if let Err(source) = tape.recording.check() {
            let path = tape.path.clone();
            self.recording = None;
            self.notices.push_back(CaptureError::RecordingEnded { path, source });
        }
    }
}

impl FrameSource for LiveSource {
    /// Waits for the next frame; `None` after a stop.
    ///
    /// # Errors
    /// News of the interfaces, of losses and of the recording; the next call goes on.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Err(notice);
            }
            match self.capture.advance()? {
                Progress::Frame => break,
                Progress::Idle => {
                    self.check_recording(true);
                    (self.flush)();
                }
                Progress::End => {
                    self.note_losses();
                    self.check_recording(true);
                    match self.notices.pop_front() {
                        Some(notice) => return Err(notice),
                        None => return Ok(None),
                    }
                }
            }
        }
        self.note_losses();
        self.check_recording(false);
        let taken = self.capture.taken();
        let second = taken.as_ref().map_or(0, |(_, frame)| frame.time.micros() / SECOND);
        if self.flushed != second {
            self.flushed = second;
            (self.flush)();
        }
        if let (Some(tape), Some((place, frame))) = (&mut self.recording, &taken) {
            tape.recording.write(*place, frame);
        }
        Ok(taken.map(|(_, frame)| frame))
    }

    fn losses(&self) -> Losses {
        self.losses
    }
}

fn live_config(config: &CaptureConfig, sensor: &SensorConfig) -> LiveConfig {
    LiveConfig {
        interfaces: config.interfaces.clone(),
        filter: config.filter.clone(),
        ring_mib: config.ring_mib,
        snaplen: config.snaplen,
        promiscuous: config.promiscuous,
        workers: config.workers,
        ports: sensor.all_ports(),
        hosts: sensor.https_hosts().to_vec(),
    }
}
