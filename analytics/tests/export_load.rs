//! Lists as the programs that load them see them: their checkers take them, and servers that run
//! with them answer NXDOMAIN. What is not installed is said and left out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper of tests may fail loudly and says what it left out"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// The golden lists, which `tests/export.rs` holds to what the program writes.
fn list(format: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/export");
    golden.join(format!("block.{format}"))
}

/// Returns the path of an installed program; Debian's are in /usr/sbin, which users have not in
/// their PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("left out: {name} is not installed");
    }
    found
}

/// Runs a checker; returns whether it is content, and what it says.
fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn assert_content(command: &mut Command) {
    let (content, told) = run(command);
    assert!(content, "{command:?}: {told}");
}

/// A folder with the list under a name without capitals and blanks.
fn folder_with(format: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    fs::copy(list(format), &path).unwrap();
    (folder, path)
}

#[test]
fn bind_takes_the_zone() {
    let Some(check) = program("named-checkzone") else { return };
    assert_content(Command::new(check).arg("rpz.geophone").arg(list("rpz")));
}

#[test]
fn bind_takes_the_statements_and_loads_the_empty_zone() {
    let Some(check) = program("named-checkconf") else { return };
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    let text = fs::read_to_string(list("bind")).unwrap();
    // The zone that the head of the list proposes, in the place of Debian's.
    let zone = text.lines().filter_map(|line| line.strip_prefix("#     "));
    fs::write(&empty, zone.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let path = folder.path().join("list");
    fs::write(&path, text.replace("/etc/bind/db.empty\"", &format!("{}\"", empty.display())))
        .unwrap();
    let (content, told) = run(Command::new(check).arg("-z").arg(&path));
    assert!(content && told.contains("zone evil-tunnel.com/IN: loaded serial 1"), "{told}");
}

#[test]
fn unbound_takes_the_list() {
    let Some(check) = program("unbound-checkconf") else { return };
    assert_content(Command::new(check).arg(list("unbound")));
}

#[test]
fn dnsmasq_takes_the_list() {
    let Some(check) = program("dnsmasq") else { return };
    assert_content(Command::new(check).arg("--test").arg("-C").arg(list("dnsmasq")));
}

/// A network of its own, so that nothing is dropped in this one.
#[test]
fn nftables_loads_the_list_twice() {
    let Some(nft) = program("nft") else { return };
    let apart = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-ec"]);
        command
    };
    let probe = format!("{} list ruleset", nft.display());
    if !apart().arg(probe).output().is_ok_and(|output| output.status.success()) {
        eprintln!("left out: nft needs a network of its own, and none can be made here");
        return;
    }
    let (nft, list) = (nft.display(), list("nft"));
    let list = list.display();
    let script = format!(
        "{nft} -c -f '{list}'; {nft} -f '{list}'; {nft} add element inet geophone servers4 '{{ 192.0.2.1 }}'; \
         {nft} -f '{list}'; {nft} list ruleset"
    );
    let (content, told) = run(apart().arg(script));
    assert!(content, "{told}");
    for part in
        ["198.51.100.53 timeout 7d", "2001:db8:0:1::9 timeout 7d", "ip daddr @servers4 counter"]
    {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert!(!told.contains("192.0.2.1"), "the table is replaced, not added to\n{told}");
}

/// A server that is stopped when it goes out of sight.
struct Server {
    child: Child,
    /// Open as long as it runs, lest it die of writing to nobody.
    _lines: BufReader<ChildStderr>,
    /// What it said until it was ready.
    told: String,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Server {
    /// Starts what `command` makes for a port and waits until it says `ready`; returns what it said
    /// instead where it ends before, for three ports.
    fn start(command: impl Fn(u16) -> Command, ready: &str) -> Result<Self, String> {
        let mut told = String::new();
        for _ in 0..3 {
            let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = command(port);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.spawn().map_err(|error| error.to_string())?;
            let mut lines = BufReader::new(child.stderr.take().unwrap());
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).unwrap() == 0 {
                    break;
                }
                told += &line;
                if line.contains(ready) {
                    return Ok(Self { child, _lines: lines, told, port });
                }
            }
            child.wait().unwrap();
        }
        Err(told)
    }

    /// Asks for `name` and returns the code of the answer and how many records are in it.
    fn ask(&self, name: &str, qtype: u16) -> (u8, u16) {
        let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.bytes());
        }
        query.push(0);
        query.extend(qtype.to_be_bytes());
        query.extend([0, 1]);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.send(&query).unwrap();
        let mut answer = [0_u8; 512];
        let length = socket.recv(&mut answer).unwrap();
        assert!(length >= 12 && answer.starts_with(&[0x12, 0x34]));
        (answer[3] & 15, u16::from_be_bytes([answer[6], answer[7]]))
    }
}

const NOERROR: u8 = 0;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

const A: u16 = 1;
const NULL: u16 = 10;
const TXT: u16 = 16;

/// Names that a list blocks, and their types: what tunnels use, too.
const BLOCKED: [(&str, u16); 5] = [
    ("evil-tunnel.com", A),
    ("data.evil-tunnel.com", A),
    ("0a.1b.EVIL-tunnel.com", NULL),
    ("x.second-part.co.uk", TXT),
    ("y.capture-ended.com", A),
];

/// A neighbour in letters, not in labels.
const NEIGHBOUR: &str = "data.not-evil-tunnel.com";

/// Starts a server without the list and with it, each ready when it says so; `None` where it cannot
/// even run without.
fn without_and_with(
    name: &str,
    command: impl Fn(u16, bool) -> Command,
    ready: [&str; 2],
) -> Option<(Server, Server)> {
    let without = match Server::start(|port| command(port, false), ready[0]) {
        Ok(server) => server,
        Err(told) => {
            eprintln!("left out: {name} does not run here: {told}");
            return None;
        }
    };
    let with = Server::start(|port| command(port, true), ready[1]);
    Some((without, with.unwrap()))
}

#[test]
fn dnsmasq_with_the_list_blocks() {
    let Some(dnsmasq) = program("dnsmasq") else { return };
    let command = |port: u16, with: bool| {
        let mut command = Command::new(&dnsmasq);
        command.args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file="]);
        command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--log-facility=-"]);
        command.args(["--user=", &format!("--port={port}")]);
        let list = if with { list("dnsmasq") } else { PathBuf::from("/dev/null") };
        command.arg(format!("--conf-file={}", list.display()));
        command
    };
    let Some((without, with)) = without_and_with("dnsmasq", command, ["started, version"; 2])
    else {
        return;
    };
    // It knows no server to ask, so it refuses what it does not block.
    for (name, qtype) in BLOCKED {
        assert_eq!(without.ask(name, qtype), (REFUSED, 0), "{name}");
        assert_eq!(with.ask(name, qtype), (NXDOMAIN, 0), "{name}");
    }
    assert_eq!(with.ask(NEIGHBOUR, A), (REFUSED, 0));
}

/// All names there are for the servers below: none of them asks anybody else.
const NAMES: [&str; 6] = [
    "evil-tunnel.com",
    "data.evil-tunnel.com",
    "0a.1b.evil-tunnel.com",
    "x.second-part.co.uk",
    "y.capture-ended.com",
    NEIGHBOUR,
];

#[test]
fn unbound_with_the_list_blocks() {
    let Some(unbound) = program("unbound") else { return };
    let (folder, list) = folder_with("unbound");
    let command = |port: u16, with: bool| {
        let mut text = format!(
            "server:\n interface: 127.0.0.1@{port}\n do-daemonize: no\n use-syslog: no\n chroot: \"\"\n \
             username: \"\"\n pidfile: \"\"\n directory: \"\"\n verbosity: 1\n module-config: \"iterator\"\n \
             num-threads: 1\n do-ip6: no\n local-zone: \".\" static\n"
        );
        for name in NAMES {
            text += &format!(" local-data: \"{name}. A 192.0.2.9\"\n");
        }
        text += "remote-control:\n control-enable: no\n";
        if with {
            text += &format!("include: \"{}\"\n", list.display());
        }
        let path = folder.path().join(format!("{port}.conf"));
        fs::write(&path, text).unwrap();
        let mut command = Command::new(&unbound);
        command.args(["-d", "-c"]).arg(path);
        command
    };
    let Some((without, with)) = without_and_with("unbound", command, ["start of service"; 2])
    else {
        return;
    };
    check_blocked(&without, &with);
}

fn check_blocked(without: &Server, with: &Server) {
    for (name, qtype) in BLOCKED {
        let there = (NOERROR, u16::from(qtype == A));
        assert_eq!(without.ask(name, qtype), there, "{name} without the list");
        assert_eq!(with.ask(name, qtype), (NXDOMAIN, 0), "{name} with the list");
    }
    assert_eq!(with.ask(NEIGHBOUR, A), (NOERROR, 1));
}

/// Writes a configuration for `named` that knows a root zone of its own and asks nobody.
fn named_conf(folder: &Path, port: u16, with: Option<(&str, &str)>) -> PathBuf {
    let mut root =
        "@ 60 IN SOA . . 1 60 60 60 60\n@ 60 IN NS localhost.\nlocalhost 60 A 127.0.0.1\n"
            .to_owned();
    for name in NAMES {
        root += &format!("{name} 60 A 192.0.2.9\n");
    }
    fs::write(folder.join("root"), root).unwrap();
    let (options, statements) = with.unwrap_or_default();
    let folder_name = folder.display();
    let text = format!(
        "options {{ directory \"{folder_name}\"; pid-file none; listen-on port {port} {{ 127.0.0.1; }};\n\
         listen-on-v6 {{ none; }}; recursion yes; dnssec-validation no; empty-zones-enable no; notify no;\n\
         session-keyfile none; {options} }};\ncontrols {{ }};\n\
         zone \".\" {{ type primary; file \"root\"; }};\n{statements}\n"
    );
    let path = folder.join(format!("{port}.conf"));
    fs::write(&path, text).unwrap();
    path
}

/// What `named` says when it answers; and when the policy is in force, which comes later.
const RUNNING: &str = " running\n";
const POLICY_IN_FORCE: &str = "rpz.geophone: reload done: success";

fn named(named: &Path, conf: &Path) -> Command {
    let mut command = Command::new(named);
    command.args(["-g", "-n", "1", "-c"]).arg(conf);
    command
}

#[test]
fn bind_with_the_policy_zone_blocks_names_and_clients() {
    let Some(program) = program("named") else { return };
    let (folder, path) = folder_with("rpz");
    let zone = "zone \"rpz.geophone\" { type primary; file \"list\"; allow-query { none; }; };";
    let options = "response-policy { zone \"rpz.geophone\"; } qname-wait-recurse no;";
    let command = |port: u16, with: bool| {
        named(&program, &named_conf(folder.path(), port, with.then_some((options, zone))))
    };
    let Some((without, with)) = without_and_with("named", command, [RUNNING, POLICY_IN_FORCE])
    else {
        return;
    };
    assert!(!with.told.contains("not the canonical"), "{}", with.told);
    check_blocked(&without, &with);
    drop(with);

    // The same list against a client: this one.
    let text = fs::read_to_string(&path).unwrap();
    let other = text.replace("\n32.9.0.0.10.rpz-client-ip", "\n32.1.0.0.127.rpz-client-ip");
    assert_ne!(text, other);
    fs::write(&path, other).unwrap();
    let with = Server::start(|port| command(port, true), POLICY_IN_FORCE).unwrap();
    assert_eq!(with.ask(NEIGHBOUR, A), (NXDOMAIN, 0));
}

#[test]
fn bind_with_the_zone_statements_blocks() {
    let Some(program) = program("named") else { return };
    let (folder, path) = folder_with("bind");
    let empty = "@ 60 IN SOA localhost. root.localhost. 1 60 60 60 60\n@ 60 IN NS localhost.\n";
    fs::write(folder.path().join("empty"), empty).unwrap();
    let text = fs::read_to_string(&path).unwrap().replace("/etc/bind/db.empty\"", "empty\"");
    fs::write(&path, text).unwrap();
    let include = format!("include \"{}\";", path.display());
    let command = |port: u16, with: bool| {
        named(&program, &named_conf(folder.path(), port, with.then_some(("", &include))))
    };
    let Some((without, with)) = without_and_with("named", command, [RUNNING; 2]) else { return };
    for (name, qtype) in BLOCKED {
        assert_eq!(without.ask(name, qtype).0, NOERROR, "{name} without the list");
        // The domain itself is the zone's, without records.
        let code = if name == "evil-tunnel.com" { NOERROR } else { NXDOMAIN };
        assert_eq!(with.ask(name, qtype), (code, 0), "{name} with the list");
    }
    assert_eq!(with.ask(NEIGHBOUR, A), (NOERROR, 1));
}
