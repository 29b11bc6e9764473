//! Plain services on the sockets of an operating system: connections that nobody drives.

use super::conversation::{Conversation, Interest};
use crate::service::Service;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use socket2::SockRef;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Listeners with a service, and the conversations that they began.
#[derive(Debug, Default)]
pub struct Services {
    made: u64,
    listeners: BTreeMap<u64, Listener>,
    talks: BTreeMap<u64, Talk>,
}

/// Tokens from here are ours; those below are numbers of the application's sockets.
const FIRST: u64 = 1 << 62;

#[derive(Debug)]
struct Listener {
    service: Service,
    local: SocketAddr,
    listener: TcpListener,
}

#[derive(Debug)]
struct Talk {
    /// The token of its listener.
    of: u64,
    conversation: Conversation,
    interest: Interest,
}

impl Services {
    /// Whether the token of an epoll event is one of ours. Others are below 2^62.
    pub fn owns(token: u64) -> bool {
        token >= FIRST
    }

    /// Listeners and conversations.
    pub fn held(&self) -> usize {
        self.listeners.len() + self.talks.len()
    }

    /// Puts the service behind a listener, which must be non-blocking; `local` is its name for [`close`].
    ///
    /// # Errors
    /// What the system said.
    ///
    /// [`close`]: Self::close
    pub fn open(
        &mut self,
        epoll: &Epoll,
        service: Service,
        local: SocketAddr,
        listener: TcpListener,
    ) -> io::Result<()> {
        let token = self.token();
        // Edges: a queue that cannot be emptied (no descriptors left) must not wake us for ever.
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&listener, EpollEvent::new(flags, token))?;
        let listener = Listener {
            service,
            local,
            listener,
        };
        self.listeners.insert(token, listener);
        Ok(())
    }

    /// Takes the service at an address away, with its conversations.
    pub fn close(&mut self, local: SocketAddr) {
        let Some(of) = self
            .listeners
            .iter()
            .find(|(_, listener)| listener.local == local)
            .map(|(token, _)| *token)
        else {
            return;
        };
        self.listeners.remove(&of);
        let (ended, others) = std::mem::take(&mut self.talks)
            .into_iter()
            .partition(|(_, talk)| talk.of == of);
        self.talks = others;
        abort_all(ended);
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.listeners.clear();
        abort_all(std::mem::take(&mut self.talks));
    }

    /// A listener or a conversation is ready. At most `room` conversations are begun; others are closed.
    pub fn ready(&mut self, epoll: &Epoll, token: u64, flags: EpollFlags, mut room: usize) {
        let Some(listener) = self.listeners.get(&token) else {
            self.talk(epoll, token, flags);
            return;
        };
        let service = listener.service;
        let mut begun = Vec::new();
        // A failed accept leaves the queue as it is; the next arrival wakes us again.
        while let Ok((stream, _)) = listener.listener.accept() {
            if room == 0 || stream.set_nonblocking(true).is_err() {
                abort(&stream);
                continue;
            }
            room -= 1;
            begun.push(stream);
        }
        for stream in begun {
            let conversation = Conversation::new(service, stream);
            let own = self.token();
            let nothing = EpollEvent::new(EpollFlags::empty(), own);
            if epoll.add(conversation.stream(), nothing).is_ok() {
                let talk = Talk {
                    of: token,
                    conversation,
                    interest: Interest::default(),
                };
                self.talks.insert(own, talk);
                self.talk(epoll, own, EpollFlags::empty());
            }
        }
    }

    fn token(&mut self) -> u64 {
        self.made += 1;
        FIRST + self.made
    }

    fn talk(&mut self, epoll: &Epoll, token: u64, events: EpollFlags) {
        let Some(talk) = self.talks.get_mut(&token) else {
            return;
        };
        let wants = match talk.conversation.step() {
            // An error or a hang-up is reported for ever: whoever does not read must not wait for it.
            Some(_) if events.contains(EpollFlags::EPOLLERR) => None,
            Some(wants)
                if wants == Interest::default() && events.contains(EpollFlags::EPOLLHUP) =>
            {
                None
            }
            wants => wants,
        };
        let Some(wants) = wants else {
            self.talks.remove(&token);
            return;
        };
        if wants == talk.interest {
            return;
        }
        talk.interest = wants;
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, wants.read);
        flags.set(EpollFlags::EPOLLOUT, wants.write);
        let changed = epoll.modify(
            talk.conversation.stream(),
            &mut EpollEvent::new(flags, token),
        );
        if changed.is_err() {
            self.talks.remove(&token);
        }
    }
}

fn abort_all(talks: BTreeMap<u64, Talk>) {
    for talk in talks.values() {
        abort(talk.conversation.stream());
    }
}

/// So that nothing of the connection stays. A socket that cannot be set is closed all the same.
fn abort(stream: &TcpStream) {
    SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap_or_default();
}
