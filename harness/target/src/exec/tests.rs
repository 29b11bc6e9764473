use super::*;
use nix::sys::signal::kill;

fn shell(script: &str) -> Process {
    let exec = ["sh", "-c", script].map(str::to_owned);
    Process::start(&exec, &[("TCPCONF_PORT", "7".into())]).unwrap()
}

#[test]
fn how_it_ended_and_its_last_words_are_told() {
    let mut process = shell("echo port $TCPCONF_PORT; echo no room >&2; exit 3");
    let sentence = process.ended_soon().unwrap();
    assert!(
        sentence.starts_with("sh ended with exit code 3; the last"),
        "{sentence}"
    );
    assert!(sentence.ends_with("port 7\n    no room"), "{sentence}");
    assert!(process.last_words().contains("port 7\n    no room"));
}

#[test]
fn a_signal_is_named() {
    let sentence = shell("kill -SEGV $$").ended_soon().unwrap();
    assert!(sentence.starts_with("sh ended by SIGSEGV"), "{sentence}");
}

#[test]
fn it_ends_with_all_that_it_started_even_when_it_will_not() {
    let process = shell("trap '' TERM; sleep 100 & echo $!; wait; wait; sleep 100");
    let began = Instant::now();
    let grandchild = loop {
        if let Ok(pid) = process
            .last_words()
            .rsplit(' ')
            .next()
            .unwrap()
            .trim()
            .parse()
        {
            break Pid::from_raw(pid);
        }
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(LOOK);
    };
    assert!(kill(grandchild, None).is_ok());
    drop(process);
    // Its new parent reaps it, or is yet to: a zombie no longer runs.
    let began = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
        if stat.is_err() || stat.is_ok_and(|state| state.contains(") Z ")) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "it runs on");
        std::thread::sleep(LOOK);
    }
}

#[test]
fn a_flood_of_words_is_bounded() {
    let process = shell("yes | head -c 3000000; sleep 100");
    std::thread::sleep(GRACE);
    assert!(process.words.lock().unwrap().len() <= LAST_WORDS);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let Err(error) = Process::start(&["/no/such/stack".into()], &[]) else {
        panic!("it started");
    };
    assert!(error.to_string().starts_with("starting /no/such/stack: "));
}
