//! A test that a black hole passes says nothing about a TCP: none may.
//!
//! Here without the sanity handshake, which would end the run before its first case.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tcpconf_engine::{
    AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, Outcome, Profile, RunEvent, Status,
};
use tcpconf_suite::{Needs, Requirements, SourceFile};
use tcpconf_target::{InProcess, LeaseError, RunOptions, StackTarget, StopFlag, Target};
use tcpconf_tests::root;
use tcpconf_wire::{Instant, Packet};

/// A host that takes everything and gives nothing.
struct BlackHole {
    addresses: Vec<IpAddr>,
}

impl Endpoint for BlackHole {
    fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
    fn handle_packet(&mut self, _now: Instant, _packet: &Packet) {}
    fn poll_transmit(&mut self, _now: Instant) -> Option<Packet> {
        None
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn call(&mut self, _now: Instant, _id: CallId, _call: AppCall) {}
    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        None
    }
    fn status(&self, _connection: FourTuple) -> Option<Status> {
        None
    }
}

struct BlackHoles;

impl InProcess for BlackHoles {
    fn name(&self) -> &str {
        "black hole"
    }

    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        let (_, lease) = StackTarget::default().open(seed, needs, ip)?;
        let addresses = vec![lease.target.ip()];
        Ok((Box::new(BlackHole { addresses }), lease))
    }
}

fn files(folder: &Path) -> Vec<SourceFile> {
    let mut paths: Vec<_> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "tcpt"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| SourceFile {
            text: std::fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root()).unwrap().display().to_string(),
        })
        .collect()
}

#[test]
fn no_test_of_the_handshake_suite_is_passed_by_silence() {
    let text = std::fs::read_to_string(root().join("suites/requirements.toml")).unwrap();
    let (plan, diagnostics) = tcpconf_suite::load(
        files(Path::new("suites/handshake")),
        files(Path::new("suites/fixtures")),
        &Requirements::from_toml(&text).unwrap(),
    );
    assert!(diagnostics.iter().all(|d| !d.is_error()));
    assert!(plan.instances.len() > 800);
    let text = std::fs::read_to_string(root().join("suites/targets/stack.toml")).unwrap();
    let options = RunOptions {
        sanity: false,
        ..RunOptions::default()
    };
    let mut judged = 0;
    let mut passed = Vec::new();
    tcpconf_target::run(
        &plan.instances,
        Target::InProcess(Arc::new(BlackHoles)),
        Arc::new(Profile::from_toml(&text).unwrap()),
        options,
        &mut |event| {
            if let RunEvent::CaseFinished(case) = event {
                judged += 1;
                if case.verdict.outcome == Outcome::Pass {
                    passed.push(case.id.clone());
                }
            }
        },
        &StopFlag::new(),
    );
    assert_eq!(judged, plan.instances.len());
    assert!(passed.is_empty(), "{passed:#?}");
}
