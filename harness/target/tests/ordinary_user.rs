//! What an ordinary user gets: words with a way out, and a kernel target in a user namespace.
//!
//! Without the test harness, because a user namespace is entered before any thread exists. Started by
//! root it starts itself again as a user who may nothing; started by anybody else it goes on at once.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::net::{IpAddr, SocketAddr};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, exit};
    use std::time::Duration;
    use tcpconf_suite::plan::Needs;
    use tcpconf_target::testing::REQUIRE_KERNEL;
    use tcpconf_target::{
        HostOptions, HostTarget, KernelTarget, RealTarget, TargetError, enter_user_namespace,
        needs_user_namespace,
    };
    use tcpconf_wire::{Flags, Segment, SeqNumber};

    /// Every distribution has this user.
    const NOBODY: u32 = 65_534;
    const REFUSED: &str = "words";
    const ALLOWED: &str = "namespace";

    pub(super) fn main() {
        let argument = std::env::args().nth(1).unwrap_or_default();
        match argument.as_str() {
            REFUSED => refused(),
            ALLOWED => allowed(),
            // What nextest asks for.
            "--list" => {}
            _ => both(),
        }
    }

    fn both() {
        // A user who may nothing cannot read the build folder: take a copy.
        let folder = tempfile::tempdir().expect("a folder for the copy");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .expect("the folder is ours");
        let program = folder.path().join("ordinary_user");
        let own = std::env::current_exe().expect("a program knows its path");
        fs::copy(own, &program).expect("room for the copy");
        for role in [REFUSED, ALLOWED] {
            let mut command = Command::new(&program);
            command.arg(role).current_dir("/");
            if !needs_user_namespace() {
                command.uid(NOBODY).gid(NOBODY);
            }
            let status = command.status().expect("the copy can be run");
            println!(
                "test ordinary_user::{role} ... {}",
                if status.success() { "ok" } else { "FAILED" }
            );
            if !status.success() {
                drop(folder);
                exit(1);
            }
        }
    }

    fn refused() {
        assert!(needs_user_namespace());
        let Err(TargetError::Privilege(text)) = KernelTarget::open() else {
            panic!("no word about privileges from the kernel target");
        };
        assert!(text.contains("sudo"), "{text}");
        let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 80);
        let opened = HostTarget::open("host", address, &HostOptions::default());
        let Err(TargetError::Privilege(text)) = opened else {
            panic!("no word about privileges from the host target");
        };
        assert!(text.contains("cap_net_raw,cap_net_admin+ep"), "{text}");
    }

    fn allowed() {
        match enter_user_namespace() {
            Ok(()) => {}
            Err(TargetError::Privilege(text)) => {
                assert!(text.contains("max_user_namespaces"), "{text}");
                let required = std::env::var(REQUIRE_KERNEL).as_deref() == Ok("1");
                assert!(!required, "{REQUIRE_KERNEL}=1, but {text}");
                println!("SKIPPED: {text}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(!needs_user_namespace());
        let mut target = KernelTarget::open().expect("a kernel target in the user namespace");
        for ip in target.ip_versions().to_vec() {
            assert!(handshake(&mut target, ip), "no SYN-ACK over IPv{ip}");
        }
    }

    /// Whether a SYN draws a SYN-ACK.
    fn handshake(target: &mut dyn RealTarget, ip: u8) -> bool {
        let lease = target.lease(&Needs::default(), ip, 1).expect("a lease");
        let ours = SocketAddr::new(lease.addresses[0], lease.ports[0]);
        let mut syn = Segment::new(ours, lease.target);
        syn.flags = Flags::SYN;
        syn.seq = SeqNumber(7);
        let link = target.link();
        link.send(&[syn.build()], &mut Vec::new())
            .expect("the link takes a SYN");
        let until = link.now() + Duration::from_secs(2);
        let mut packets = Vec::new();
        while link.now() < until {
            link.receive(&mut packets).expect("the link can be read");
            let answered = packets
                .iter()
                .filter_map(|packet| Segment::parse(&packet.bytes))
                .any(|s| s.dst() == ours && s.flags == Flags::SYN | Flags::ACK && s.ack.0 == 8);
            if answered {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }
}
