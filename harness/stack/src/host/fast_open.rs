//! TCP Fast Open, the server's side (RFC 7413 §4.2): a SYN with a valid cookie is handed to the user
//! at once, its text included.  The client's side is not there.

use super::Host;
use super::listen::Listener;
use crate::connection::reaction::Signals;
use crate::connection::{Arrived, Origin};
use crate::options::FastOpenOption;
use core::time::Duration;
use std::net::IpAddr;
use tcpconf_wire::Instant;

/// How long a cookie is given out; it is taken for as long again.
const EPOCH: Duration = Duration::from_secs(3600);

/// What the option of a SYN means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FastOpen {
    /// Not there, not wanted, or too many are pending: an ordinary handshake.
    No,
    /// The SYN-ACK brings this cookie.
    Grant([u8; 8]),
    /// The text is taken.
    Accept,
}

impl Host {
    pub(super) fn fast_open(
        &self,
        now: Instant,
        client: IpAddr,
        listener: &Listener,
        syn: &Arrived<'_>,
    ) -> FastOpen {
        let (Some(limit), Some(option)) = (listener.options.fast_open, syn.options.fast_open)
        else {
            return FastOpen::No;
        };
        let epoch = now.as_nanos() / EPOCH.as_nanos() as u64;
        let valid = match option {
            FastOpenOption::Cookie(Some(cookie)) => [epoch, epoch.wrapping_sub(1)]
                .into_iter()
                .any(|epoch| self.secret.fast_open_cookie(client, epoch) == cookie),
            FastOpenOption::Cookie(None) | FastOpenOption::Request => false,
        };
        if !valid {
            return FastOpen::Grant(self.secret.fast_open_cookie(client, epoch));
        }
        // §4.2: above the limit an ordinary handshake.
        if listener.early >= limit {
            return FastOpen::No;
        }
        FastOpen::Accept
    }

    /// Hands the embryo at `index` to the user.
    pub(super) fn accept_early(&mut self, index: u32, syn: &Arrived<'_>) {
        let id = self.slots.id(index);
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        connection.take_early_text();
        connection.owned = true;
        let Origin::Passive(listener) = connection.origin else {
            return;
        };
        if let Some(listener) = self.slots.listener_mut(listener) {
            listener.early += 1;
            listener.queue.push_back(id);
        }
        self.notify(listener.index, Signals::ACCEPTABLE);
        if !syn.text.is_empty() {
            self.notify(index, Signals::READABLE);
        }
    }
}
