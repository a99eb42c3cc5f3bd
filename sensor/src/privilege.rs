//! What a capturing process gives up once its interfaces are open.
//!
//! Bytes from the network are read by a process that is somebody else, has one capability, opens no
//! file but those it needs, and can get nothing of it back. Most of this holds for the calling
//! thread and those it starts, so it is done before the threads of a capture begin. What the kernel
//! does not offer is said, not hidden: see [`Report`]. System calls are not filtered.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Uid, User, geteuid, setgroups, setresgid, setresuid};

/// The newest landlock this was written for; an older kernel does what it can of it.
const LANDLOCK: ABI = ABI::V6;
/// The user that keeps everything a user has.
const ROOT: &str = "root";

/// What is kept; everything else goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivilegePlan {
    /// The user to become where the process was started as root; `root` stays root.
    pub user: String,
    /// Files and directories that are read after this.
    pub read: Vec<PathBuf>,
    /// Files and directories that are made and written after this; what is open stays open.
    pub write: Vec<PathBuf>,
    /// Whether TCP connections are made after this, as to a message broker.
    pub connect: bool,
}

impl Default for PrivilegePlan {
    fn default() -> Self {
        Self { user: "nobody".to_owned(), read: Vec::new(), write: Vec::new(), connect: false }
    }
}

/// What was given up and what was not, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    lines: Vec<String>,
}

impl Report {
    /// Returns the lines.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.lines.join("; "))
    }
}

/// Why privileges could not be given up: the process must not go on as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// A step the system refused.
    #[error("cannot {step}: {source}; to stay what the process is, give the user \"root\"")]
    Refused {
        /// The step.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A path that is to stay accessible and is not there.
    #[error("cannot keep access to \"{path}\": {cause}")]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A user that does not exist.
    #[error("there is no user \"{user}\" to become; name another")]
    UnknownUser {
        /// The user.
        user: String,
    },
}

/// Gives up what the plan does not keep. To be called with the interfaces open and before any
/// thread begins that reads what comes from the network.
///
/// # Errors
/// A user or path that does not exist, or a step the system refuses.
pub fn drop_privileges(plan: &PrivilegePlan) -> Result<Report, PrivilegeError> {
    let mut report = Report::default();
    // With the old rights, which may be needed to reach the paths.
    let rules = landlock_rules(plan)?;
    match caps::clear(None, CapSet::Bounding) {
        Ok(()) => report.say("capabilities: bounding set empty"),
        Err(_) => report.say("capabilities: bounding set kept (that takes CAP_SETPCAP)"),
    }
    change_user(&plan.user, &mut report)?;
    keep_net_raw(&mut report)?;
    refused("set no_new_privs", prctl::set_no_new_privs())?;
    refused("make the process undumpable", prctl::set_dumpable(false))?;
    report.say("no new privileges, not dumpable");
    match rules.restrict_self() {
        Ok(status) => report.say(landlock_words(plan, &status)),
        Err(error) => report.say(format!("landlock: not in force ({error})")),
    }
    for path in plan.read.iter().filter(|path| path.is_file() && fs::File::open(path).is_err()) {
        report.say(format!("\"{}\" cannot be read any more", path.display()));
    }
    if let Some(others) = other_threads() {
        report.say(format!("{others} threads that ran before keep their rights"));
    }
    Ok(report)
}

/// Gives the directory `path` and the files in it to the user that [`drop_privileges`] becomes, so
/// that they can still be written; makes it where there is none.
///
/// # Errors
/// A user that does not exist, or a step the system refuses.
pub fn hand_over(path: &Path, user: &str) -> Result<(), PrivilegeError> {
    let failed = |source: io::Error| PrivilegeError::Path {
        path: path.to_owned(),
        cause: source.to_string(),
    };
    fs::create_dir_all(path).map_err(failed)?;
    if !geteuid().is_root() || user == ROOT {
        return Ok(());
    }
    let user = user_of(user)?;
    let give = |path: &Path| chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()));
    give(path).map_err(failed)?;
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // A link may lead anywhere.
        if path.symlink_metadata().is_ok_and(|data| data.is_file()) {
            give(&path).map_err(failed)?;
        }
    }
    Ok(())
}

fn user_of(name: &str) -> Result<User, PrivilegeError> {
    let user = match name.parse() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(name),
    };
    let unknown = || PrivilegeError::UnknownUser { user: name.to_owned() };
    user.ok().flatten().ok_or_else(unknown)
}

/// Becomes `name`, with its group and no other, where the process is root.
fn change_user(name: &str, report: &mut Report) -> Result<(), PrivilegeError> {
    if !geteuid().is_root() {
        report.say(format!("user: kept (user {} may not change it)", geteuid()));
        return Ok(());
    }
    if name == ROOT {
        report.say("user: root, as asked");
        return Ok(());
    }
    let user = user_of(name)?;
    // Or the capabilities would go with the user.
    refused("keep CAP_NET_RAW", prctl::set_keepcaps(true))?;
    refused("leave the groups", setgroups(&[]))?;
    refused("change the group", setresgid(user.gid, user.gid, user.gid))?;
    refused("change the user", setresuid(user.uid, user.uid, user.uid))?;
    refused("keep CAP_NET_RAW", prctl::set_keepcaps(false))?;
    report.say(format!("user: {} ({}), no groups but its own", user.name, user.uid));
    Ok(())
}

/// Keeps CAP_NET_RAW, which an interface that comes back takes, where the process has it.
fn keep_net_raw(report: &mut Report) -> Result<(), PrivilegeError> {
    let had = caps::read(None, CapSet::Permitted)
        .is_ok_and(|permitted| permitted.contains(&Capability::CAP_NET_RAW));
    let kept: CapsHashSet = had.then_some(Capability::CAP_NET_RAW).into_iter().collect();
    // Kernels before 4.3 have no ambient set.
    let _ = caps::clear(None, CapSet::Ambient);
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(|source| capability(&source))?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(|source| capability(&source))?;
    report.say(if had {
        "capabilities: CAP_NET_RAW only"
    } else {
        "capabilities: none, so an interface that comes back cannot be opened again"
    });
    Ok(())
}

/// Builds the landlock rules, with as much of them as the kernel knows.
fn landlock_rules(plan: &PrivilegePlan) -> Result<RulesetCreated, PrivilegeError> {
    let mut network: BitFlags<AccessNet> = AccessNet::BindTcp.into();
    if !plan.connect {
        network |= AccessNet::ConnectTcp;
    }
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(network))
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .map_err(|error| landlock_refused(&error))?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read | (AccessFs::from_write(LANDLOCK) & !AccessFs::IoctlDev);
    let reads = plan.read.iter().map(|path| (path, read));
    for (path, access) in reads.chain(plan.write.iter().map(|path| (path, write))) {
        let kept = |error: &dyn fmt::Display| PrivilegeError::Path {
            path: path.clone(),
            cause: error.to_string(),
        };
        let file = PathFd::new(path).map_err(|error| kept(&error))?;
        let access =
            if is_directory(path) { access } else { access & AccessFs::from_file(LANDLOCK) };
        rules = rules.add_rule(PathBeneath::new(file, access)).map_err(|error| kept(&error))?;
    }
    Ok(rules)
}

fn landlock_words(plan: &PrivilegePlan, status: &landlock::RestrictionStatus) -> String {
    let paths = format!("{} paths to read, {} to write", plan.read.len(), plan.write.len());
    let connect = if plan.connect { "TCP bind refused" } else { "TCP refused" };
    match (&status.ruleset, &status.landlock) {
        (RulesetStatus::FullyEnforced, _) => format!("landlock: {paths}, {connect}"),
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            format!(
                "landlock: {paths}; version {effective_abi:?} of this kernel does not cover all \
                 (from V4 on {connect})"
            )
        }
        (_, LandlockStatus::NotEnabled) => "landlock: switched off in this kernel".to_owned(),
        _ => "landlock: not available in this kernel".to_owned(),
    }
}

fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Returns how many threads there are beside this one, where there are.
fn other_threads() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"))?;
    threads.trim().parse::<u32>().ok()?.checked_sub(1).filter(|others| *others > 0)
}

fn refused(step: &'static str, result: Result<(), Errno>) -> Result<(), PrivilegeError> {
    result.map_err(|errno| PrivilegeError::Refused { step, source: errno.into() })
}

fn capability(error: &CapsError) -> PrivilegeError {
    let source = io::Error::other(error.to_string());
    PrivilegeError::Refused { step: "drop capabilities", source }
}

fn landlock_refused(error: &RulesetError) -> PrivilegeError {
    let source = io::Error::other(error.to_string());
    PrivilegeError::Refused { step: "prepare landlock", source }
}
