//! What needs a process of its own: being killed.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of test functions"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tcpconf_suite::plan::Needs;
use tcpconf_target::testing::{Bed, INJECTOR, TARGET, may_make_networks};
use tcpconf_target::{HostOptions, HostTarget, KernelTarget, RealTarget};

/// Says to the test named `child` what it is to do; unset in an ordinary run.
const ROLE: &str = "TCPCONF_TEST_ROLE";
const READY: &str = "ready";
const PORT: u16 = 80;

#[test]
fn child() {
    match std::env::var(ROLE).as_deref() {
        Ok("hold-kernel") => {
            let mut target = KernelTarget::open().unwrap();
            let alone = Needs {
                exclusive: true,
                ..Needs::default()
            };
            let _lease = target.lease(&alone, 4, 1).unwrap();
            hold();
        }
        Ok("hold-host") => {
            let address = SocketAddr::new(TARGET[0].parse().unwrap(), PORT);
            let _target = HostTarget::open("host", address, &HostOptions::default()).unwrap();
            hold();
        }
        Ok(role) => panic!("no role {role}"),
        Err(_) => {}
    }
}

fn hold() -> ! {
    println!("{READY}");
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

fn start(role: &'static str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_until_ready(child: &mut Child) {
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = output.any(|line| line.unwrap().contains(READY));
    if !ready {
        let mut text = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        panic!("the child ended early: {text}");
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

/// All network namespaces that a process or thread is in or holds open.
fn namespaces() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    for process in processes.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy()
            .bytes()
            .all(|octet| octet.is_ascii_digit())
    }) {
        let tasks = fs::read_dir(process.path().join("task"))
            .into_iter()
            .flatten();
        for task in tasks.flatten() {
            found.extend(fs::read_link(task.path().join("ns/net")));
        }
        let files = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten();
        found.extend(
            files
                .flatten()
                .filter_map(|file| fs::read_link(file.path()).ok())
                .filter(|link| link.to_string_lossy().starts_with("net:")),
        );
    }
    found
}

fn of_process(id: u32) -> BTreeSet<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap().flatten();
    tasks
        .filter_map(|task| fs::read_link(task.path().join("ns/net")).ok())
        .collect()
}

#[test]
fn a_killed_kernel_target_leaves_nothing() {
    if !may_make_networks() {
        return;
    }
    let ours = of_process(std::process::id());
    let mut child = start("hold-kernel");
    wait_until_ready(&mut child);
    let made: BTreeSet<PathBuf> = of_process(child.id()).difference(&ours).cloned().collect();
    assert_eq!(made.len(), 2, "the shared instance and the one alone");
    assert!(namespaces().is_superset(&made));
    kill(child);
    // The number of a namespace that is gone may be given to one of another process.
    let gone = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        namespaces().is_disjoint(&made)
    });
    assert!(gone, "{made:?} are still held");
    let links: Vec<String> = fs::read_dir("/sys/class/net")
        .unwrap()
        .flatten()
        .map(|link| link.file_name().to_string_lossy().into_owned())
        .filter(|name| is_link_of_ours(name))
        .collect();
    assert!(links.is_empty(), "{links:?}");
}

/// `t1`, `t2` …: our ends of the links, which belong into a namespace of their own.
fn is_link_of_ours(name: &str) -> bool {
    name.strip_prefix('t')
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

#[test]
fn the_rule_of_a_killed_host_target_is_gone() {
    if !may_make_networks() {
        return;
    }
    let bed = Bed::new().unwrap();
    bed.target.run(|| {
        let listener = TcpListener::bind((TARGET[0].parse::<IpAddr>().unwrap(), PORT)).unwrap();
        std::thread::spawn(move || listener.incoming().for_each(drop));
    });
    // From a port in the range that the rule covers.
    let connects = |bed: &Bed| {
        bed.injector.run(|| {
            use nix::sys::socket::{
                AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt,
                socket, sockopt,
            };
            use std::os::fd::AsRawFd;
            let fd = socket(
                AddressFamily::Inet,
                SockType::Stream,
                SockFlag::SOCK_CLOEXEC,
                None,
            )
            .unwrap();
            let patience = nix::sys::time::TimeVal::new(0, 500_000);
            setsockopt(&fd, sockopt::SendTimeout, &patience).unwrap();
            setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
            let from = SocketAddr::new(INJECTOR[0].parse().unwrap(), 20_000);
            let to = SocketAddr::new(TARGET[0].parse().unwrap(), PORT);
            bind(fd.as_raw_fd(), &SockaddrStorage::from(from)).unwrap();
            connect(fd.as_raw_fd(), &SockaddrStorage::from(to)).is_ok()
        })
    };
    let mut child = bed.injector.run(|| start("hold-host"));
    wait_until_ready(&mut child);
    assert!(!connects(&bed), "the rule keeps the kernel's TCP out");
    kill(child);
    assert!(connects(&bed), "the rule is still there");
}
