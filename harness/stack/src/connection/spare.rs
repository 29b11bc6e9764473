//! The memory of a connection that has ended, for the next one: where connections come and go, allocating is a
//! good part of what each costs.

use crate::receiver::Receiver;
use crate::sender::Sender;

/// More than this is given back, in octets: what is kept is what a short connection needs.
const MOST: usize = 8192;

/// The boxes of a sender and a receiver, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Spare(Option<(Box<Sender>, Box<Receiver>)>);

impl Spare {
    pub(super) fn of(sender: Box<Sender>, receiver: Box<Receiver>) -> Self {
        let little = sender.allocated() + receiver.allocated() <= MOST;
        Self(little.then_some((sender, receiver)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The two in boxes, old or new.
    pub(super) fn into_parts(self) -> (Box<Sender>, Box<Receiver>) {
        self.0.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrived, Connection, Env, Path};
    use super::*;
    use crate::config::Config;
    use crate::connection::reaction::Reaction;
    use crate::isn::Secret;
    use crate::options::Options;
    use crate::types::{FourTuple, SocketId};
    use tcpconf_wire::{Flags, Instant, SeqNumber};

    fn segment<'a>(
        seq: u32,
        ack: SeqNumber,
        flags: Flags,
        text: &'a [u8],
        options: &'a Options,
    ) -> Arrived<'a> {
        Arrived {
            seq: SeqNumber(seq),
            ack,
            flags,
            window: 1000,
            urgent: 9,
            text,
            options,
            ce: false,
        }
    }

    /// Everything that a connection can become by a few segments is gone when another one takes its place.
    #[test]
    fn a_connection_in_the_place_of_another_is_as_a_new_one() {
        let config = Config::with_addresses([[10, 0, 0, 1].into()]);
        let secret = Secret::from_seed(1);
        let path = Path {
            mtu: 576,
            until: Some(Instant::from_secs(9)),
        };
        let env = Env {
            config: &config,
            secret: &secret,
        };
        let listener = SocketId {
            index: 3,
            generation: 4,
        };
        let tuple = |port| FourTuple {
            local: ([10, 0, 0, 1], 80).into(),
            remote: ([10, 0, 0, 2], port).into(),
        };
        let options = Options {
            mss: Some(500),
            sack_permitted: true,
            ..Options::NONE
        };
        let (iss, now) = (SeqNumber(5000), Instant::from_secs(1));
        let mut connection = Connection::default();
        let syn = segment(100, SeqNumber(0), Flags::SYN, b"early", &options);
        let socket = (listener, &config.socket);
        connection.accept_syn(
            (&tuple(1), path, iss),
            socket,
            &syn,
            now,
            env,
            Spare::default(),
        );
        let mut out = Vec::new();
        assert!(connection.poll(now, env, &mut out));
        connection.owned = true;
        let ack = iss + 1;
        for (seq, flags, text) in [
            (101, Flags::ACK, &b"text"[..]),
            (120, Flags::ACK | Flags::URG, b"ahead"),
            (105, Flags::ACK | Flags::FIN, b"the end"),
        ] {
            let options = Options::NONE;
            let mut reaction = Reaction::DROP;
            let mut segment = segment(seq, ack, flags, text, &options);
            connection.segment_arrives(now, &mut segment, env, &mut reaction);
            assert_eq!(connection.send(&[7; 5000], true), Ok(5000));
            while connection.poll(now, env, &mut out) {}
        }
        assert!(connection.unread() > 0 && connection.deadline().is_some());
        let spare = connection.end(Some(crate::error::ErrorKind::Reset));

        let link = Path {
            mtu: 1500,
            until: None,
        };
        let later = Instant::from_secs(70);
        let syn = segment(900, SeqNumber(0), Flags::SYN, &[], &Options::NONE);
        connection.accept_syn((&tuple(2), link, iss + 7), socket, &syn, later, env, spare);
        let mut new = Connection::default();
        new.accept_syn(
            (&tuple(2), link, iss + 7),
            socket,
            &syn,
            later,
            env,
            Spare::default(),
        );
        assert_eq!(format!("{connection:#?}"), format!("{new:#?}"));
    }
}
