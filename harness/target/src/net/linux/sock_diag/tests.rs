use super::*;

/// An answer as the kernel writes it, with the memory attribute behind it.
fn answer(family: u8, state: u8, queues: [u32; 2]) -> Vec<u8> {
    let mut body = vec![0; 72];
    body[0] = family;
    body[1] = state;
    body[4..6].copy_from_slice(&2_000u16.to_be_bytes());
    body[6..8].copy_from_slice(&41_000u16.to_be_bytes());
    body[8..12].copy_from_slice(&[10, 77, 0, 1]);
    body[24..28].copy_from_slice(&[10, 77, 0, 2]);
    body[56..60].copy_from_slice(&queues[0].to_ne_bytes());
    body[60..64].copy_from_slice(&queues[1].to_ne_bytes());
    body.extend(40u16.to_ne_bytes());
    body.extend(SKMEMINFO.to_ne_bytes());
    for word in [768u32, 1, 2, 3, 4, 1_280, 6, 7, 8] {
        body.extend(word.to_ne_bytes());
    }
    body
}

#[test]
fn an_answer_is_read_field_by_field() {
    let socket = socket_of(&answer(AF_INET, 1, [5, 7])).unwrap();
    assert_eq!(
        socket,
        Socket {
            state: "ESTABLISHED",
            local: "10.77.0.1:2000".parse().unwrap(),
            remote: "10.77.0.2:41000".parse().unwrap(),
            unread: 5,
            unacked: 7,
            memory: Some(2_048),
        }
    );
    let v6 = socket_of(&answer(AF_INET6, 1, [0, 0])).unwrap();
    assert_eq!(v6.local, "[a4d:1::]:2000".parse().unwrap());
}

#[test]
fn syn_and_fin_are_no_octets() {
    let queues = |state| {
        let socket = socket_of(&answer(AF_INET, state, [6, 8])).unwrap();
        (socket.state, socket.unread, socket.unacked)
    };
    assert_eq!(queues(1), ("ESTABLISHED", 6, 8));
    assert_eq!(queues(2), ("SYN-SENT", 6, 7));
    assert_eq!(queues(4), ("FIN-WAIT-1", 6, 7));
    assert_eq!(queues(5), ("FIN-WAIT-2", 6, 8));
    assert_eq!(queues(8), ("CLOSE-WAIT", 5, 8));
    assert_eq!(queues(9), ("LAST-ACK", 5, 7));
    assert_eq!(queues(11), ("CLOSING", 5, 7));
    assert_eq!(queues(12), ("SYN-RECEIVED", 6, 7));
}

#[test]
fn answers_that_lie_are_no_socket() {
    let whole = answer(AF_INET, 1, [0, 0]);
    for length in 0..72 {
        assert_eq!(socket_of(&whole[..length]), None, "{length} octets");
    }
    for state in [0, 13, 255] {
        assert_eq!(socket_of(&answer(AF_INET, state, [0, 0])), None);
    }
    assert_eq!(socket_of(&answer(1, 1, [0, 0])), None);
    assert_eq!(socket_of(&whole[..74]).unwrap().memory, None);
}
