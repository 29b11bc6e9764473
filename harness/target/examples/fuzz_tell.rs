//! Plays inputs of `stack_ops` and tells what happens: `cargo run -p tcpconf-target --features arbitrary --example
//! fuzz_tell FILE…`.

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        println!("== {path}");
        let data = std::fs::read(path)?;
        tcpconf_target::fuzzing::stack_ops_told(&data, |line| println!("{line}"));
    }
    Ok(())
}
