//! How fast a target is without libFuzzer: `cargo run --release --example speed -- TARGET SECONDS FILE…`.
//!
//! Plays the files in turn, again and again, and prints inputs a second of user CPU time. What libFuzzer itself
//! and the coverage cost shows in the difference to `speed.sh`. Files are cut to the octets that the environment says in
//! MAX_LEN, as libFuzzer cuts them by `-max_len`.

use std::process::ExitCode;
use tcpconf_fuzz as _;
use tcpconf_target::fuzzing::stack_ops_counted;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let wire = tcpconf_wire::testing::targets::TARGETS.iter();
    let stack = tcpconf_target::fuzzing::FUZZ_TARGETS.iter();
    let target = wire.chain(stack).find(|(known, _)| *known == name);
    let seconds = arguments.next().and_then(|s| s.parse::<f64>().ok());
    let mut inputs: Vec<Vec<u8>> = arguments.filter_map(|p| std::fs::read(p).ok()).collect();
    let longest = std::env::var("MAX_LEN").map_or(Ok(usize::MAX), |n| n.parse());
    for input in &mut inputs {
        input.truncate(*longest.as_ref().unwrap_or(&0));
    }
    let (Some((_, run)), Some(seconds), false, Ok(_)) =
        (target, seconds, inputs.is_empty(), longest)
    else {
        eprintln!("usage: [MAX_LEN=OCTETS] speed TARGET SECONDS FILE…");
        return ExitCode::from(2);
    };
    let (mut count, begin) = (0u64, user_seconds());
    let took = loop {
        for input in &inputs {
            run(input);
            count += 1;
        }
        let took = user_seconds() - begin;
        if took >= seconds {
            break took;
        }
    };
    let octets = inputs.iter().map(Vec::len).sum::<usize>() / inputs.len();
    print!(
        "{name}: target {:.0} inputs/CPU-s, {} inputs of {octets} octets",
        count as f64 / took,
        inputs.len(),
    );
    if name == "stack_ops" {
        let operations: u32 = inputs.iter().map(|input| stack_ops_counted(input)).sum();
        print!(
            " and {:.1} operations",
            f64::from(operations) / inputs.len() as f64
        );
    }
    println!(" on average");
    ExitCode::SUCCESS
}

/// User CPU time of this process so far.
fn user_seconds() -> f64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)
        .expect("a process may ask for its own usage");
    let user = usage.user_time();
    user.tv_sec() as f64 + user.tv_usec() as f64 / 1e6
}
