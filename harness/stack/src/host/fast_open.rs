//! TCP Fast Open (RFC 7413 §4.2).  The server: a SYN with a valid cookie is handed to the user at once,
//! its text included.  The client: cookies of servers are remembered, and so are servers that have none
//! or whose path loses such SYNs.

use super::Host;
use super::listen::Listener;
use crate::config::SocketOptions;
use crate::connection::reaction::Signals;
use crate::connection::{Arrived, Origin};
use crate::error::CallError;
use crate::options::{FastOpenCookie, FastOpenOption};
use crate::types::SocketId;
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use tcpconf_wire::Instant;

/// How long a cookie is given out; it is taken for as long again.
const EPOCH: Duration = Duration::from_secs(3600);

/// How long a server without Fast Open is not asked again (§4.1.3.1).
const DISABLED: Duration = Duration::from_secs(3600);

/// What is known of a server (§4.1.3).
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    Cookie { cookie: FastOpenCookie, mss: u16 },
    Disabled { until: Instant },
}

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
            FastOpenOption::Cookie(cookie) => [epoch, epoch.wrapping_sub(1)]
                .into_iter()
                .any(|epoch| self.secret.fast_open_cookie(client, epoch) == cookie.as_slice()),
            FastOpenOption::Request => false,
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

    /// Active OPEN with data (RFC 7413 §4.2.1, §4.2.2): when the server's cookie is known the SYN
    /// carries the data, otherwise it asks for a cookie and the data follows the handshake. Returns how
    /// much was queued. Only for data that may arrive twice (§6.1).
    ///
    /// # Errors
    /// As [`Host::connect`].
    pub fn connect_with_data(
        &mut self,
        now: Instant,
        local: Option<(IpAddr, u16)>,
        remote: SocketAddr,
        options: Option<SocketOptions>,
        data: &[u8],
    ) -> Result<(SocketId, usize), CallError> {
        let id = self.connect(now, local, remote, options)?;
        let known = self.servers.get(&remote.ip()).copied();
        let Some(connection) = self.slots.connection_mut(id.index) else {
            return Err(CallError::NoSuchConnection);
        };
        let queued = match known {
            Some(Known::Disabled { until }) if until > now => connection.send(data, false)?,
            Some(Known::Cookie { cookie, mss }) => {
                // §4.1.3: at most what the server said, less the options of the SYN (40 at most).
                let user = options.unwrap_or(self.config.socket);
                let path = user.receive_mss(&self.config, remote.ip());
                let early = u32::from(mss.min(path).saturating_sub(40));
                connection.open_fast(FastOpenOption::Cookie(cookie), early, data)
            }
            Some(Known::Disabled { .. }) | None => {
                connection.open_fast(FastOpenOption::Request, 0, data)
            }
        };
        Ok((id, queued))
    }

    /// A SYN-ACK has answered a SYN with the option: what it says about the server.
    pub(super) fn learn_cookie(
        &mut self,
        now: Instant,
        server: IpAddr,
        asked: FastOpenOption,
        repeated: bool,
        answer: &Arrived<'_>,
    ) {
        let default = if server.is_ipv4() { 536 } else { 1220 };
        let known = match (answer.options.fast_open, asked) {
            _ if repeated => Known::Disabled {
                until: now + DISABLED,
            },
            (Some(FastOpenOption::Cookie(cookie)), _) => Known::Cookie {
                cookie,
                mss: answer.options.mss.unwrap_or(default),
            },
            (_, FastOpenOption::Request) => Known::Disabled {
                until: now + DISABLED,
            },
            (_, FastOpenOption::Cookie(_)) => return,
        };
        if self.servers.len() < self.config.max_paths || self.servers.contains_key(&server) {
            self.servers.insert(server, known);
        }
    }
}
