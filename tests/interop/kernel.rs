//! This machine's kernel as the peer, through a TUN device in a namespace that ends with the test.
//!
//! The kernel repeats a segment when no answer came for 10 ms (its tail loss probe) or 200 ms, and this
//! process may be late by more on a busy machine. So each script is played with patient timers of the
//! kernel, where every repetition is a fault, and with its own, where one is a fault unless this process
//! was late: such a try counts for nothing.

use crate::figures::{AT_ONCE, BULK, CONNECTIONS, GREETING, check, fill, opener_closes_first};
use crate::own::{Application, Script};
use crate::tun::Tun;
use crate::wire::Wire;
use rstest::rstest;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{JoinHandle, scope, sleep, spawn};
use std::time::Duration;
use tcpconf_stack::{Config, Host};
use tcpconf_target::testing::Bed;
use tcpconf_tests::{Privilege, has, spend_real_time};

const OWN: [&str; 2] = ["10.79.0.2", "fd79::2"];
const KERNEL: [&str; 2] = ["10.79.0.1", "fd79::1"];
const PORT: u16 = 7;
/// Threads of the kernel's side, each with one connection at a time.
const THREADS: u32 = 4;

/// Tries with the kernel's own timers.
const TRIES: u32 = 5;
/// The shortest of them is two ticks of 4 ms (`tcp_schedule_loss_probe`).
const LATE: Duration = Duration::from_millis(3);

/// When the kernel repeats what is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timers {
    /// As it always does.
    Own,
    /// After 10 s, and without tail loss probes (RFC 8985 §7).
    Patient,
}

/// Makes the device in the namespace of the calling thread.
fn device(timers: Timers) -> Tun {
    let tun = Tun::open("tun0").expect("a TUN device");
    // Bursts wait in queues instead of being dropped by them.
    tool("ip link set tun0 txqueuelen 20000");
    set("core/somaxconn", "4096");
    // The default may be one that paces (bbr), which would measure the kernel's timers.
    set("ipv4/tcp_congestion_control", "reno");
    let [v4, v6] = KERNEL;
    tool("ip link set tun0 up");
    tool(&format!("ip addr add {v4}/24 dev tun0"));
    tool(&format!("ip addr add {v6}/64 dev tun0 nodad"));
    // For IPv6 the kernel leaves it to a work queue to take packets to a new address.
    while !tool(&format!("ip route get {v6}")).starts_with("local") {
        sleep(Duration::from_millis(1));
    }
    if timers == Timers::Patient {
        set("ipv4/tcp_early_retrans", "0");
        for address in OWN {
            tool(&format!("ip route add {address} dev tun0 rto_min 10s"));
        }
    }
    tun
}

/// The counters of TCP in the namespace of the calling thread (`man 5 proc_pid_net`).
fn counters() -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for file in ["snmp", "netstat"] {
        let text = std::fs::read_to_string(format!("/proc/thread-self/net/{file}"));
        let text = text.expect("every namespace has it");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2) {
            let (names, values) = (pair[0].split_whitespace(), pair[1].split_whitespace());
            let family = pair[0].split(':').next().unwrap_or_default();
            for (name, value) in names.zip(values).skip(1) {
                // Only a limit that is not there is negative.
                all.insert(format!("{family}.{name}"), value.parse().unwrap_or(0));
            }
        }
    }
    all
}

fn set(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{name}"), value)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// What a tool has printed.
fn tool(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a tool has a name"));
    let output = command.args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{line}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The kernel's end of one stream.
fn converse(mut stream: TcpStream, script: Script, opener: bool) {
    let octets = script.octets;
    let end = if opener {
        stream.local_addr()
    } else {
        stream.peer_addr()
    };
    let port = end.expect("it is connected").port();
    let closes_first = script.connections == 1 || opener_closes_first(port) == opener;
    let mut writer = stream.try_clone().expect("a descriptor");
    let mut write = move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut sent = 0;
        while sent < octets {
            let count =
                usize::try_from(octets - sent).map_or(buffer.len(), |n| n.min(buffer.len()));
            fill(&mut buffer[..count], sent);
            writer.write_all(&buffer[..count]).expect("the peer reads");
            sent += count as u64;
        }
        if closes_first {
            writer.shutdown(Shutdown::Write).expect("it is open");
        }
    };
    let read = |stream: &mut TcpStream| {
        let mut buffer = vec![0; 64 * 1024];
        let mut received = 0;
        loop {
            let count = stream.read(&mut buffer).expect("the peer sends");
            if count == 0 {
                break;
            }
            check(&buffer[..count], received);
            received += count as u64;
        }
        assert_eq!(received, octets, "octets before the end");
    };
    if octets > GREETING {
        scope(|s| {
            s.spawn(write);
            read(&mut stream);
        });
    } else {
        write();
        read(&mut stream);
    }
}

/// The kernel's side: threads of this namespace, all of which must end well. They connect to `remote`,
/// or listen on `local` when there is none.
fn kernel_side(
    remote: Option<SocketAddr>,
    local: SocketAddr,
    script: Script,
) -> Vec<JoinHandle<()>> {
    let begun = Arc::new(AtomicU32::new(0));
    let next = move || begun.fetch_add(1, Ordering::Relaxed) < script.connections;
    let threads = 0..THREADS.min(script.connections);
    match remote {
        Some(remote) => threads
            .map(|_| {
                let next = next.clone();
                spawn(move || {
                    while next() {
                        let stream = TcpStream::connect(remote).expect("the own stack listens");
                        converse(stream, script, true);
                    }
                })
            })
            .collect(),
        None => {
            let listener = TcpListener::bind(local).expect("the address is ours");
            threads
                .map(|_| {
                    let listener = listener.try_clone().expect("a descriptor");
                    let next = next.clone();
                    spawn(move || {
                        while next() {
                            let (stream, _) = listener.accept().expect("the own stack connects");
                            converse(stream, script, false);
                        }
                    })
                })
                .collect()
        }
    }
}

/// Plays a script, each time in a namespace of its own.
fn play(family: usize, own_opens: bool, timers: Timers, script: Script) {
    if !has(&[Privilege::Networks, Privilege::Program("ip")]) {
        return;
    }
    let _alone = spend_real_time();
    for number in 1..=TRIES {
        let bed = Bed::new().expect("a namespace");
        let Err(fault) = bed
            .target
            .run(move || play_here(family, own_opens, timers, script))
        else {
            return;
        };
        let excused = timers == Timers::Own && fault.late > LATE;
        assert!(excused, "late by {:?}: {}", fault.late, fault.what);
        println!("try {number}: late by {:?}: {}", fault.late, fault.what);
    }
    println!("INCONCLUSIVE: this machine is too busy to judge repetitions by the kernel's timers");
}

/// Something was said twice, reset or wrong.
struct Fault {
    what: String,
    /// By how much this process was late at worst.
    late: Duration,
}

/// Plays it; then neither the wire nor the kernel's counters may speak of a repetition.
fn play_here(family: usize, own_opens: bool, timers: Timers, script: Script) -> Result<(), Fault> {
    let mut tun = device(timers);
    let address = |list: [&str; 2]| -> IpAddr { list[family].parse().expect("it is right") };
    let addresses = OWN.map(|a| a.parse().expect("they are right"));
    let mut host = Host::new(Config::with_addresses(addresses), 3);
    let own = SocketAddr::new(address(OWN), PORT);
    let kernel = SocketAddr::new(address(KERNEL), PORT);
    let mut application = if own_opens {
        Application::active(script, kernel)
    } else {
        Application::passive(script, &mut host, own.ip(), PORT)
    };
    let before = counters();
    let threads = kernel_side((!own_opens).then_some(own), kernel, script);
    let mut wire = Wire::default();
    let began = std::time::Instant::now();
    let late = tun.run(&mut host, &mut application, &mut wire);
    let took = began.elapsed();
    for thread in threads {
        thread.join().expect("the kernel's side is content");
    }
    let after = counters();
    let grown = |name: &str| {
        let value = |all: &BTreeMap<String, u64>| *all.get(name).expect("the kernel counts it");
        value(&after) - value(&before)
    };
    println!(
        "{} connections of {} octets each way with {kernel} in {took:?}, late by {late:?}: {} segments",
        script.connections, script.octets, wire.segments
    );
    let opened = if own_opens {
        "Tcp.PassiveOpens"
    } else {
        "Tcp.ActiveOpens"
    };
    assert_eq!(grown(opened), u64::from(script.connections));
    wire.verdict().map_err(|what| Fault { what, late })?;
    for name in [
        "Tcp.RetransSegs",
        "Tcp.InErrs",
        "Tcp.OutRsts",
        "Tcp.EstabResets",
        "TcpExt.TCPDSACKOldSent",
        "TcpExt.TCPDSACKOfoSent",
        "TcpExt.TCPDSACKRecv",
        "TcpExt.TCPTimeouts",
        "TcpExt.TCPOFOQueue",
    ] {
        let count = grown(name);
        if count != 0 {
            let what = format!("the kernel counted {count} {name}");
            return Err(Fault { what, late });
        }
    }
    Ok(())
}

#[rstest]
fn bulk_both_ways_with_the_kernel_says_nothing_twice(
    #[values(0, 1)] family: usize,
    #[values(true, false)] own_opens: bool,
    #[values(Timers::Own, Timers::Patient)] timers: Timers,
) {
    let script = Script {
        octets: BULK,
        connections: 1,
        at_once: 1,
    };
    play(family, own_opens, timers, script);
}

#[rstest]
fn connections_with_the_kernel_open_and_close(
    #[values(0, 1)] family: usize,
    #[values(true, false)] own_opens: bool,
    #[values(Timers::Own, Timers::Patient)] timers: Timers,
) {
    let script = Script {
        octets: GREETING,
        connections: CONNECTIONS,
        at_once: AT_ONCE,
    };
    play(family, own_opens, timers, script);
}
