//! What both programs take on the command line for a live capture.

use std::path::PathBuf;

use clap::Args;

use crate::config::CaptureConfig;

/// Flags over the `[capture]` table of the configuration.
#[derive(Args, Clone, Debug, Default)]
pub struct CaptureArgs {
    /// Interface to capture on; give it again for each further one (`any` stands for all).
    #[arg(short, long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// Filter in libpcap's language instead of the built-in one, which passes port 53 and whatever
    /// may hide it (VLANs, tunnels, fragments).
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// MiB of the ring of an interface, shared by its workers [default: 64].
    #[arg(long, value_name = "MIB")]
    pub ring_mib: Option<u32>,
    /// Octets kept of a frame [default: 262144].
    #[arg(long, value_name = "OCTETS")]
    pub snaplen: Option<u32>,
    /// Leave the interface as it is: only frames for this machine.
    #[arg(long)]
    pub no_promiscuous: bool,
    /// Capturing threads an interface [default: 1].
    #[arg(long, value_name = "N")]
    pub workers: Option<u32>,
    /// User to become once the interfaces are open, where started as root [default: nobody].
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Record the captured frames too, as pcapng.
    #[arg(long, value_name = "FILE.pcapng")]
    pub record: Option<PathBuf>,
}

impl CaptureArgs {
    /// Puts what was typed over what the configuration says.
    pub fn over(&self, config: &mut CaptureConfig) {
        fn put<T: Clone>(typed: Option<&T>, place: &mut T) {
            if let Some(typed) = typed {
                typed.clone_into(place);
            }
        }
        if !self.interfaces.is_empty() {
            self.interfaces.clone_into(&mut config.interfaces);
        }
        put(self.ring_mib.as_ref(), &mut config.ring_mib);
        put(self.snaplen.as_ref(), &mut config.snaplen);
        put(self.workers.as_ref(), &mut config.workers);
        put(self.user.as_ref(), &mut config.user);
        config.filter = self.filter.clone().or_else(|| config.filter.take());
        config.record = self.record.clone().or_else(|| config.record.take());
        config.promiscuous &= !self.no_promiscuous;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stands_over_the_configuration_and_nothing_else_does() {
        let mut config = CaptureConfig { workers: 3, ..CaptureConfig::default() };
        config.interfaces.push("eth0".to_owned());
        let before = config.clone();
        CaptureArgs::default().over(&mut config);
        assert_eq!(config, before);
        let typed = CaptureArgs {
            interfaces: vec!["eth1".to_owned()],
            ring_mib: Some(8),
            no_promiscuous: true,
            ..CaptureArgs::default()
        };
        typed.over(&mut config);
        assert_eq!((config.interfaces, config.ring_mib), (vec!["eth1".to_owned()], 8));
        assert_eq!((config.workers, config.promiscuous), (3, false));
    }
}
