use super::frame_link::Port;
use super::stream::StreamPort;
use super::*;
use rstest::rstest;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

#[rstest]
#[case("tap:tcpconf0")]
#[case("tun:tcpconf0")]
#[case("packet:eth0")]
#[case("unix:/tmp/a.sock")]
#[case("unix-listen:a.sock")]
#[case("unixseq:a.sock")]
fn transports_read_back(#[case] text: &str) {
    assert_eq!(text.parse::<Transport>().unwrap().to_string(), text);
}

#[rstest]
#[case("tap")]
#[case("tap:")]
#[case("tap:a-name-that-is-too-long")]
#[case("tap:a/b")]
#[case("unix:")]
#[case("vhost:a")]
fn what_is_no_transport_is_refused(#[case] text: &str) {
    assert_eq!(
        text.parse::<Transport>(),
        Err(UnknownTransport(text.into()))
    );
}

#[rstest]
#[case("10.79.0.2:7", "10.79.0.1")]
#[case("10.79.0.1:7", "10.79.0.77")]
#[case("[fd79::2]:7", "fd79::1")]
fn an_address_of_the_targets_network_is_ours(#[case] target: &str, #[case] ours: &str) {
    let attachment = Attachment {
        exec: Vec::new(),
        transport: Transport::Tap("t".into()),
        address: target.parse().unwrap(),
        sources: Vec::new(),
        mtu: 1_500,
        ready_within: Duration::from_secs(1),
    };
    assert_eq!(
        attachment.our_addresses(),
        [ours.parse::<IpAddr>().unwrap()]
    );
}

fn stream() -> (StreamPort, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (StreamPort::new(ours).unwrap(), theirs)
}

/// All frames that are there.
fn frames(port: &mut StreamPort) -> Vec<Vec<u8>> {
    let (mut all, mut frame) = (Vec::new(), Vec::new());
    while port.receive(&mut frame).unwrap() {
        all.push(frame.clone());
    }
    all
}

#[test]
fn frames_are_found_wherever_the_stream_was_cut() {
    let sent = [vec![1; 60], vec![], vec![2; 1_514], vec![3; 3]];
    let mut stream_of_octets = Vec::new();
    for frame in &sent {
        stream_of_octets.extend((frame.len() as u32).to_be_bytes());
        stream_of_octets.extend(frame);
    }
    for cut in 0..stream_of_octets.len() {
        let (mut port, mut theirs) = stream();
        theirs.write_all(&stream_of_octets[..cut]).unwrap();
        let mut got = frames(&mut port);
        theirs.write_all(&stream_of_octets[cut..]).unwrap();
        got.extend(frames(&mut port));
        assert_eq!(got, sent, "cut at {cut}");
    }
}

#[test]
fn a_frame_goes_out_with_its_length_before_it() {
    let (mut port, mut theirs) = stream();
    port.send(&[1, 2], &[3]).unwrap();
    let mut got = [0; 7];
    theirs.read_exact(&mut got).unwrap();
    assert_eq!(got, [0, 0, 0, 3, 1, 2, 3]);
}

#[test]
fn a_length_that_no_frame_has_is_an_error_not_memory() {
    let (mut port, mut theirs) = stream();
    theirs.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let error = port.receive(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("QEMU"), "{error}");
}

#[test]
fn a_peer_that_does_not_read_costs_frames_and_bounded_memory() {
    let (mut port, _theirs) = stream();
    for _ in 0..3_000 {
        port.send(&[0; 14], &[0; 1_500]).unwrap();
    }
    assert!(port.lost() > 0);
}

#[test]
fn the_end_of_the_other_side_is_told() {
    let (mut port, theirs) = stream();
    drop(theirs);
    let error = port.receive(&mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the target closed its socket");
}
