//! A limit on how often something is done, for one connection (RFC 5961 §7: never shared between
//! connections, or it becomes a side channel).

use core::time::Duration;
use tcpconf_wire::Instant;

/// At most `limit` in each second that begins with the first one.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateLimit {
    limit: u32,
    used: u32,
    since: Option<Instant>,
}

impl RateLimit {
    pub(crate) const fn new(limit: u32) -> Self {
        Self {
            limit,
            used: 0,
            since: None,
        }
    }

    /// Whether one more is allowed now; counts it when it is.
    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        let fresh = self
            .since
            .is_none_or(|since| now.since(since) >= Duration::from_secs(1));
        if fresh {
            self.since = Some(now);
            self.used = 0;
        }
        self.used += 1;
        self.used <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_each_second() {
        let mut limit = RateLimit::new(2);
        let at = |ms| Instant::from_millis(ms);
        assert!(limit.allow(at(100)));
        assert!(limit.allow(at(100)));
        assert!(!limit.allow(at(1000)));
        assert!(limit.allow(at(1100)));
    }
}
