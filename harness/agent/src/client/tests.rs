//! The client against the agent of this crate, over a socket pair.

use super::*;
use crate::server::{Application, Policy, serve};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use tcpconf_engine::SocketHandle;
use tcpconf_suite::vocabulary::Setting;

const PATIENCE: Duration = Duration::from_secs(10);

/// A client, and the agent in a thread.
fn pair() -> (Client, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let agent = std::thread::spawn(move || {
        let mut application = Application::new(Policy::unlimited()).unwrap();
        serve(&theirs, &theirs, &mut application, None).unwrap();
        assert_eq!(application.held(), 0, "everything is closed at the end");
    });
    (Client::new(ours, PATIENCE).unwrap(), agent)
}

/// The agent as a thread that answers by the book.
fn scripted(script: impl FnOnce(UnixStream) + Send + 'static) -> Result<Client, ClientError> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    std::thread::spawn(move || script(theirs));
    Client::new(ours, PATIENCE)
}

/// One request, octet by octet.
fn hear(theirs: &mut UnixStream) -> String {
    let mut octet = [0];
    let mut line = Vec::new();
    while octet != *b"\n" {
        theirs.read_exact(&mut octet).unwrap();
        line.push(octet[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Answers what a client asks first.
fn welcome(theirs: &mut UnixStream) {
    assert_eq!(hear(theirs), "1 hello\n");
    theirs
        .write_all(b"1 ok hello protocol=1 line=256 verbs=listen\n")
        .unwrap();
    assert_eq!(hear(theirs), "2 reset\n");
    theirs.write_all(b"2 ok\n").unwrap();
}

fn listen() -> AppCall {
    AppCall::Listen {
        local: ([127, 0, 0, 1], 0).into(),
        backlog: 5,
        with: vec![(Setting::NoDelay, 1)],
    }
}

fn wait(fd: BorrowedFd<'_>) {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::try_from(PATIENCE).unwrap()).unwrap();
    assert!(ready > 0, "nothing comes");
}

fn next(cases: &mut Cases) -> (u64, AppEvent) {
    loop {
        if let Some(found) = cases.poll() {
            return found;
        }
        wait(cases.client().fd());
    }
}

/// Calls and gives the value; events on the way are kept in `seen`.
fn call(
    cases: &mut Cases,
    key: u64,
    id: u64,
    call: AppCall,
    seen: &mut Vec<(u64, AppEvent)>,
) -> Value {
    cases.call(key, CallId(id), call);
    loop {
        match next(cases) {
            (whose, AppEvent::Reply { id: reply, result }) if reply == CallId(id) => {
                assert_eq!(whose, key);
                return result.unwrap();
            }
            other => seen.push(other),
        }
    }
}

fn socket(value: &Value) -> SocketHandle {
    match value {
        Value::Socket(socket) => *socket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_send_goes_out_in_parts_and_is_answered_once() {
    let (client, agent) = pair();
    let mut cases = Cases::new(client);
    let mut seen = Vec::new();
    let (listener, address) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    let connect = AppCall::Connect {
        remote: address,
        local: None,
        with: vec![],
        data: vec![],
    };
    let made = socket(&call(&mut cases, 5, 1, connect, &mut seen));
    let data: Vec<u8> = (0..200_000u32).map(|i| (i % 253) as u8).collect();
    let send = AppCall::Send {
        socket: made,
        data: data.clone(),
        urgent: false,
        more: false,
    };
    let reading = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut octets = vec![0; 200_000];
        stream.read_exact(&mut octets).unwrap();
        octets
    });
    let sent = call(&mut cases, 5, 2, send, &mut seen);
    assert_eq!(sent, Value::Count(200_000));
    assert!(reading.join().unwrap() == data, "as it was sent");
    assert_eq!(seen, [(5, AppEvent::Connected(made))]);
    drop(cases);
    agent.join().unwrap();
}

#[test]
fn what_a_case_leaves_goes_with_it_and_nobody_elses() {
    let (client, agent) = pair();
    let mut cases = Cases::new(client);
    let mut seen = Vec::new();
    let first = socket(&call(&mut cases, 1, 1, listen(), &mut seen));
    let second = socket(&call(&mut cases, 2, 2, listen(), &mut seen));
    // Unanswered when the case ends.
    cases.call(1, CallId(3), listen());
    cases.call(1, CallId(4), AppCall::Accept(first));
    cases.call(1, CallId(5), AppCall::ResetAll);
    let status = call(&mut cases, 2, 6, AppCall::Status(second), &mut seen);
    assert!(matches!(status, Value::Status(status) if status.state == "LISTEN"));
    // The agent has answered all that came before this.
    let gone = cases.ask(&Request::Call(AppCall::Status(first)), PATIENCE);
    assert!(
        matches!(gone, Err(ClientError::Refused(refusal)) if refusal.errno == Errno::BadSocket)
    );
    assert_eq!(cases.poll(), None);
    assert_eq!(cases.held(), 1);
    assert_eq!(seen, [], "nobody hears of a case that has ended");
    drop(cases);
    agent.join().unwrap();
}

#[test]
fn connections_belong_to_the_case_of_their_listener() {
    let (client, agent) = pair();
    let mut cases = Cases::new(client);
    let mut seen = Vec::new();
    let (_, free) = {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        (taken, address)
    };
    let open = AppCall::Listen {
        local: free,
        backlog: 1,
        with: vec![],
    };
    let listener = socket(&call(&mut cases, 8, 1, open, &mut seen));
    let peer = TcpStream::connect(free).unwrap();
    let accepted = socket(&call(
        &mut cases,
        8,
        2,
        AppCall::Accept(listener),
        &mut seen,
    ));
    let connection = tcpconf_engine::FourTuple {
        local: free,
        remote: peer.local_addr().unwrap(),
    };
    let event = AppEvent::Accepted {
        listener,
        socket: accepted,
        connection,
    };
    assert_eq!(seen, [(8, event)]);
    assert_eq!(cases.held(), 2);
    // The agent has no source for connections that are not its own, and says so.
    assert!(cases.status(connection, PATIENCE).unwrap().is_none());
    cases.call(8, CallId(9), AppCall::ResetAll);
    assert_eq!(cases.held(), 0);
    drop(cases);
    agent.join().unwrap();
    drop(peer);
}

#[test]
fn when_the_agent_goes_calls_are_answered() {
    let client = scripted(|mut theirs| {
        welcome(&mut theirs);
        assert!(hear(&mut theirs).starts_with("3 listen "));
        theirs.write_all(b"* bye enough\n").unwrap();
    });
    let mut cases = Cases::new(client.unwrap());
    cases.call(1, CallId(77), listen());
    let result = Err(Errno::ConnectionAborted);
    let id = CallId(77);
    assert_eq!(next(&mut cases), (1, AppEvent::Reply { id, result }));
    assert!(cases.client().is_lost());
    // And those that come later.
    cases.call(1, CallId(78), listen());
    let id = CallId(78);
    assert_eq!(
        next(&mut cases),
        (
            1,
            AppEvent::Reply {
                id,
                result: Err(Errno::ConnectionAborted)
            }
        )
    );
}

#[test]
fn who_is_no_agent_is_found_out() {
    let answers: [(&[u8], &str); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "docs/agent.md"),
        (b"1 ok hello protocol=9\n", "version 9"),
        (b"1 ok\n", "in answer to hello"),
        (b"0 error EINVAL what?\n", "EINVAL: what?"),
        (
            b"* bye another controller is served\n",
            "hung up: another controller",
        ),
    ];
    for (answer, words) in answers {
        let failed = scripted(move |mut theirs| theirs.write_all(answer).unwrap());
        let error = failed.err().expect("no agent").to_string();
        assert!(error.contains(words), "{error}");
    }
    let gone = scripted(drop).err().expect("no agent").to_string();
    assert!(gone.contains("hung up"), "{gone}");
}

#[test]
fn a_silent_agent_is_not_waited_for_longer_than_allowed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let error = Client::new(ours, Duration::from_millis(20))
        .err()
        .expect("silence");
    assert!(matches!(error, ClientError::Silent(_)), "{error}");
    drop(theirs);
}

#[test]
fn an_agent_that_floods_ends_the_conversation() {
    let client = scripted(|mut theirs| {
        theirs.write_all(b"1 ok hello protocol=1\n2 ok\n").unwrap();
        let flood = b"* readable 1\n".repeat(1_000);
        while theirs.write_all(&flood).is_ok() {}
    });
    let error = client.and_then(|mut client| {
        loop {
            wait(client.fd());
            client.turn()?;
            assert!(client.events.len() <= MAX_INBOX);
        }
    });
    let error = error.map(|never: ()| never).unwrap_err();
    assert!(error.to_string().contains("65536 events"), "{error}");
}

#[test]
fn nobody_at_the_address_is_said() {
    let nobody: SocketAddr = ([127, 0, 0, 1], 1).into();
    let refused = Client::connect(nobody, PATIENCE)
        .err()
        .expect("nobody listens");
    assert!(matches!(refused, ClientError::Io(_)), "{refused}");
}
