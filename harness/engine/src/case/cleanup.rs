//! Cleaning up: an exact RST for every connection that may still stand. Not judged.

use super::Case;
use crate::Action;
use tcpconf_wire::Instant;

impl Case {
    pub(super) fn clean_up(&mut self, now: Instant) {
        self.close_link(now);
        for (index, rst) in self.session.cleanup() {
            let bytes = rst.build();
            self.session.promise(index, &bytes, now);
            self.session
                .note_sent(index, &bytes, now, Some("cleaning up".into()));
            let id = crate::SendId(self.next_id);
            self.next_id += 1;
            self.outbox.push_back(Action::Transmit { id, bytes });
        }
    }
}
