//! Targets as data: stacks that somebody else built, behind devices and sockets; targets.toml; `init`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod files;
#[cfg(target_os = "linux")]
mod foreign;
#[cfg(target_os = "linux")]
mod hostile;
mod init;
mod link;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod services;
#[cfg(target_os = "linux")]
mod transports;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tcpconf_tests::Ended;

/// Runs it, and ends it when it hangs; also the most memory that it held, in octets.
fn watched(mut command: Command, limit: Duration) -> (Ended, u64) {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut readers = readers(&mut child);
    let began = Instant::now();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("still running after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut text = || readers.remove(0).join().unwrap();
    let ended = Ended {
        code: status.code(),
        stdout: text(),
        stderr: text(),
    };
    (ended, peak)
}

fn readers(child: &mut Child) -> Vec<std::thread::JoinHandle<String>> {
    let out: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().unwrap());
    let err: Box<dyn std::io::Read + Send> = Box::new(child.stderr.take().unwrap());
    [out, err]
        .map(|mut stream| {
            std::thread::spawn(move || {
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                text
            })
        })
        .into()
}

/// `VmHWM` of a process, in octets; 0 when it is gone or the system does not tell.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
