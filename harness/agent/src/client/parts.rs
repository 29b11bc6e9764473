//! A call that does not fit into a line goes out as several; their replies become one.

use crate::text::{MAX_PATTERN, Request};
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, SocketHandle, Value};

/// What a line of SEND has besides its data: number, verb, socket, flags.
const AROUND: usize = 80;

/// Replies that are waited for.
#[derive(Debug)]
pub(super) struct Parts {
    call: CallId,
    /// For each part whether its reply has come.
    answered: Vec<bool>,
    count: usize,
    error: Option<Errno>,
}

impl Parts {
    pub(super) fn new(call: CallId, parts: usize) -> Self {
        Self {
            call,
            answered: vec![false; parts],
            count: 0,
            error: None,
        }
    }

    pub(super) fn call(&self) -> CallId {
        self.call
    }

    /// A part was answered; the call's reply when it was the last. An answer that comes twice, or to a
    /// part that does not exist, is nobody's.
    pub(super) fn answered(&mut self, part: u64, result: Result<Value, Errno>) -> Option<AppEvent> {
        let seen = usize::try_from(part)
            .ok()
            .and_then(|part| self.answered.get_mut(part))?;
        if std::mem::replace(seen, true) {
            return None;
        }
        let alone = self.answered.len() == 1;
        match &result {
            Ok(Value::Count(count)) => self.count = self.count.saturating_add(*count),
            Ok(_) => {}
            Err(errno) => self.error = self.error.or(Some(*errno)),
        }
        if self.answered.contains(&false) {
            return None;
        }
        let result = match self.error {
            _ if alone => result,
            Some(errno) => Err(errno),
            None => Ok(Value::Count(self.count)),
        };
        Some(AppEvent::Reply {
            id: self.call,
            result,
        })
    }
}

/// The calls that a call is made of, for an agent that takes lines of `limit` octets; `more` when it can
/// be told that more follows.
pub(super) fn split(call: AppCall, limit: usize, more_is_known: bool) -> Vec<AppCall> {
    let AppCall::Send {
        socket,
        data,
        urgent,
        more,
    } = call
    else {
        return vec![call];
    };
    let whole = |data: Vec<u8>| AppCall::Send {
        socket,
        data,
        urgent,
        more,
    };
    if fits(socket, &data, limit) {
        return vec![whole(data)];
    }
    let mut parts = Vec::new();
    let mut rest = &data[..];
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(portion(socket, rest, limit));
        rest = behind;
        parts.push(if rest.is_empty() {
            whole(part.to_vec())
        } else {
            AppCall::Send {
                socket,
                data: part.to_vec(),
                urgent: false,
                more: more_is_known,
            }
        });
    }
    parts
}

/// As long as possible: a pattern is short whatever it stands for.
fn portion(socket: SocketHandle, rest: &[u8], limit: usize) -> usize {
    let as_pattern = rest.len().min(MAX_PATTERN);
    if fits(socket, &rest[..as_pattern], limit) {
        return as_pattern;
    }
    let as_hex = limit.saturating_sub(AROUND).max(2) / 2;
    as_hex.min(rest.len())
}

fn fits(socket: SocketHandle, data: &[u8], limit: usize) -> bool {
    if data.len().saturating_mul(2) + AROUND <= limit {
        return true;
    }
    let line = Request::Call(AppCall::Send {
        socket,
        data: data.to_vec(),
        urgent: true,
        more: true,
    });
    line.encode(u64::MAX).len() <= limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcpconf_engine::payload;

    fn send(data: Vec<u8>) -> AppCall {
        AppCall::Send {
            socket: SocketHandle(1),
            data,
            urgent: true,
            more: false,
        }
    }

    #[test]
    fn data_is_split_so_that_every_line_fits_and_nothing_is_lost() {
        let data: Vec<u8> = (0..1_000u32).map(|i| (i * 7 % 251) as u8).collect();
        let parts = split(send(data.clone()), 256, true);
        assert!(parts.len() > 5);
        let mut together = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            assert!(Request::Call(part.clone()).encode(1 << 40).len() <= 256);
            let AppCall::Send {
                data, urgent, more, ..
            } = part
            else {
                panic!("{part:?}");
            };
            let last = index + 1 == parts.len();
            assert_eq!((*urgent, *more), (last, !last));
            together.extend_from_slice(data);
        }
        assert_eq!(together, data);
    }

    #[test]
    fn a_pattern_needs_no_split() {
        let parts = split(send(payload::octets(1, 100_000)), 256, true);
        assert_eq!(parts.len(), 1);
    }

    #[test]
    fn the_reply_is_the_sum_or_the_first_error() {
        let mut parts = Parts::new(CallId(7), 3);
        assert_eq!(parts.answered(0, Ok(Value::Count(5))), None);
        assert_eq!(parts.answered(0, Ok(Value::Count(5))), None, "twice");
        assert_eq!(parts.answered(9, Ok(Value::Count(5))), None, "no such part");
        assert_eq!(parts.answered(2, Ok(Value::Count(1))), None);
        let reply = parts.answered(1, Ok(Value::Count(5)));
        let id = CallId(7);
        let sum = Ok(Value::Count(11));
        assert_eq!(reply, Some(AppEvent::Reply { id, result: sum }));

        let mut parts = Parts::new(id, 2);
        parts.answered(0, Err(Errno::BrokenPipe));
        let result = Err(Errno::BrokenPipe);
        assert_eq!(
            parts.answered(1, Err(Errno::Invalid)),
            Some(AppEvent::Reply { id, result })
        );
    }
}
