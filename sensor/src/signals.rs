//! What the operator says by signals.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, iterator};

/// Added to the number of a signal, as shells do, to make the status of a process it ended.
const BY_SIGNAL: i32 = 128;

/// SIGINT and SIGTERM end the capture in order, a SIGINT after either at once; SIGHUP asks for the
/// rules to be read again.
///
/// A second SIGTERM changes nothing: `timeout` sends it twice, to its child and to its group.
pub struct Signals {
    stop: Arc<AtomicBool>,
    hangups: iterator::Signals,
}

impl Signals {
    /// Takes over the three signals.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn install() -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        // In this order: the first signal finds the flag down and raises it.
        flag::register_conditional_shutdown(SIGINT, BY_SIGNAL + SIGINT, Arc::clone(&stop))?;
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop, hangups: iterator::Signals::new([SIGHUP])? })
    }

    /// Returns the flag that is raised by the first SIGINT or SIGTERM.
    #[must_use]
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Calls `reload` for every SIGHUP, in a thread of its own; to be called when privileges have
    /// been dropped, since the thread keeps those it begins with.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn on_hangup(mut self, mut reload: impl FnMut() + Send + 'static) -> io::Result<()> {
        let wait = move || {
            for _ in self.hangups.forever() {
                reload();
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
    }
}
