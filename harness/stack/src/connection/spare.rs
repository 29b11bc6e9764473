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
    pub(super) fn used_for(
        self,
        sender: Sender,
        receiver: Receiver,
    ) -> (Box<Sender>, Box<Receiver>) {
        match self.0 {
            Some((mut old_sender, mut old_receiver)) => {
                old_sender.renew(sender);
                *old_receiver = receiver;
                (old_sender, old_receiver)
            }
            None => (Box::new(sender), Box::new(receiver)),
        }
    }
}
