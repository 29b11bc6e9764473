//! One conversation with an in-process endpoint in virtual time.
//!
//! The clock jumps to the next event: a packet that arrives, a timer of the endpoint, or what the
//! conversation waits for. A two-hour wait costs microseconds, and the same inputs give the same
//! conversation, bit for bit. What an endpoint may do at one instant is bounded.

use super::options::StopFlag;
use super::player::Conversation;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tcpconf_engine::{Action, AppCall, CallId, Endpoint, Outcome};
use tcpconf_wire::{Instant, Packet};

/// Packets that an endpoint may send at one instant: more than any answer to a burst.
const MAX_TRANSMITS: u32 = 100_000;
/// Wake-ups at one instant: timers that fire without the clock moving.
const MAX_WAKE_UPS: u32 = 1_000;
/// Steps of a whole conversation: a clock that creeps forward ends here.
const MAX_ROUNDS: u32 = 20_000_000;
/// How long cleaning up may take after an interrupt, in virtual time.
const CLEANING_UP: Duration = Duration::from_secs(600);
/// The flag is looked at once in so many rounds.
const ROUNDS_PER_STOP_CHECK: u32 = 1_024;

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The conversation says that it is done.
    Done,
    /// It is done, and the target did what no target may: the sentence.
    Misbehaved(String),
    /// It did not end: a fault of the harness.
    Stuck(String),
}

/// What bounds a conversation.
pub(crate) struct Limits<'a> {
    /// One way, in virtual time.
    pub(crate) one_way: Duration,
    /// All of it, in virtual time.
    pub(crate) whole: Duration,
    /// Ctrl-C.
    pub(crate) stop: &'a StopFlag,
}

/// Plays a conversation from the start of virtual time to its end. `next_port` is the first port that
/// the lease does not hold.
pub(crate) fn play(
    conversation: &mut dyn Conversation,
    endpoint: &mut dyn Endpoint,
    next_port: u16,
    limits: &Limits<'_>,
) -> End {
    let mut play = Play {
        conversation,
        endpoint: Some(endpoint),
        next_port,
        now: Instant::ZERO,
        limit: Instant::ZERO + limits.whole,
        one_way: limits.one_way,
        to_target: VecDeque::new(),
        to_us: VecDeque::new(),
        transmits: 0,
        wake_ups: 0,
        interrupted: false,
        misbehaved: None,
    };
    let end = play.run(limits);
    match (end, play.misbehaved) {
        (End::Done, Some(sentence)) => End::Misbehaved(sentence),
        (end, _) => end,
    }
}

struct Play<'a> {
    conversation: &'a mut dyn Conversation,
    /// Gone when it misbehaved: the conversation then cleans up alone.
    endpoint: Option<&'a mut dyn Endpoint>,
    next_port: u16,
    now: Instant,
    limit: Instant,
    one_way: Duration,
    to_target: VecDeque<Packet>,
    to_us: VecDeque<Packet>,
    /// At this instant.
    transmits: u32,
    /// At this instant.
    wake_ups: u32,
    interrupted: bool,
    misbehaved: Option<String>,
}

/// What the conversation wants.
enum Turn {
    /// It called the target's application, which may have something to say.
    Called,
    Wait(Instant),
    Done,
}

impl Play<'_> {
    fn run(&mut self, limits: &Limits<'_>) -> End {
        for round in 1..=MAX_ROUNDS {
            if round % ROUNDS_PER_STOP_CHECK == 0 && limits.stop.is_set() {
                self.interrupt(Outcome::Skip, "interrupted");
            }
            self.deliver();
            self.drain_endpoint();
            let wake = match self.drain_conversation() {
                Turn::Done => {
                    self.clean_up();
                    return End::Done;
                }
                Turn::Called => continue,
                Turn::Wait(at) => at,
            };
            if let Err(end) = self.advance(wake) {
                return end;
            }
        }
        End::Stuck(format!("not at its end after {MAX_ROUNDS} steps"))
    }

    /// Hands over what has arrived by now, both ways.
    fn deliver(&mut self) {
        while let Some(packet) = self.to_target.pop_front_if(|p| p.at <= self.now) {
            let now = self.now;
            self.endpoint(|endpoint| endpoint.handle_packet(now, &packet));
        }
        while let Some(packet) = self.to_us.pop_front_if(|p| p.at <= self.now) {
            self.conversation.handle_packet(self.now, &packet);
        }
    }

    /// Takes what the endpoint has to send, and what its application noticed.
    fn drain_endpoint(&mut self) {
        let now = self.now;
        while let Some(Some(mut packet)) = self.endpoint(|e| e.poll_transmit(now)) {
            self.transmits += 1;
            if self.transmits > MAX_TRANSMITS {
                self.cut_off(format!(
                    "the target spins: more than {MAX_TRANSMITS} packets at one instant"
                ));
                return;
            }
            packet.at = now + self.one_way;
            self.to_us.push_back(packet);
        }
        while let Some(Some(event)) = self.endpoint(|e| e.poll_app(now)) {
            self.conversation.handle_app(now, event);
            self.transmits += 1;
            if self.transmits > MAX_TRANSMITS {
                self.cut_off(format!(
                    "the target spins: more than {MAX_TRANSMITS} events at one instant"
                ));
                return;
            }
        }
    }

    /// Does what the conversation asks for until it waits, calls or is done.
    fn drain_conversation(&mut self) -> Turn {
        let now = self.now;
        loop {
            match self.conversation.poll(now) {
                Action::Transmit { id, bytes } => {
                    self.to_target
                        .push_back(Packet::new(bytes, now + self.one_way));
                    self.conversation.handle_sent(id, now);
                }
                Action::Call { id, call } => {
                    self.endpoint(|endpoint| endpoint.call(now, id, call));
                    return Turn::Called;
                }
                Action::Status(connection) => {
                    let status = self.endpoint(|e| e.status(connection)).flatten();
                    self.conversation.handle_status(now, status);
                }
                Action::NeedPorts(count) => {
                    let ports = self.ports(count);
                    self.conversation.add_ports(ports);
                }
                Action::WaitUntil(at) => return Turn::Wait(at),
                Action::Done(_) => return Turn::Done,
            }
        }
    }

    /// What was sent to clean up arrives, and the application lets go of its sockets.
    fn clean_up(&mut self) {
        while let Some(packet) = self.to_target.pop_front() {
            self.now = self.now.max(packet.at);
            let now = self.now;
            self.endpoint(|endpoint| endpoint.handle_packet(now, &packet));
        }
        let now = self.now;
        self.endpoint(|endpoint| endpoint.call(now, CallId(u64::MAX), AppCall::ResetAll));
    }

    /// Fresh ports; wraps around within the dynamic range (RFC 6335 §6).
    fn ports(&mut self, count: usize) -> Vec<u16> {
        (0..count)
            .map(|_| {
                let port = self.next_port;
                self.next_port = port.checked_add(1).unwrap_or(super::FIRST_PORT);
                port
            })
            .collect()
    }

    /// Moves the clock to the next event.
    fn advance(&mut self, wake: Instant) -> Result<(), End> {
        let timer = self.endpoint(|e| e.poll_timeout()).flatten();
        let packets = [self.to_target.front(), self.to_us.front()];
        let next = packets
            .into_iter()
            .flatten()
            .map(|p| p.at)
            .chain(timer)
            .fold(wake, Instant::min);
        if next > self.limit {
            if self.interrupted {
                return Err(End::Stuck(format!(
                    "not cleaned up {} s after it was interrupted",
                    CLEANING_UP.as_secs()
                )));
            }
            let reason = format!("not done at {} s of virtual time", self.limit.as_secs_f64());
            self.now = self.limit;
            self.interrupt(Outcome::Inconclusive, &reason);
            return Ok(());
        }
        if next > self.now {
            self.now = next;
            self.transmits = 0;
            self.wake_ups = 0;
            return Ok(());
        }
        self.wake_ups += 1;
        if self.wake_ups <= MAX_WAKE_UPS {
            return Ok(());
        }
        if wake <= self.now {
            return Err(End::Stuck("it never waits".to_owned()));
        }
        self.cut_off(format!(
            "the target spins: its timer fired {MAX_WAKE_UPS} times at one instant"
        ));
        Ok(())
    }

    fn interrupt(&mut self, outcome: Outcome, reason: &str) {
        if self.interrupted {
            return;
        }
        self.interrupted = true;
        self.limit = self.now + CLEANING_UP;
        self.conversation.interrupt(self.now, outcome, reason);
    }

    /// The target is out of the game; the case fails.
    fn cut_off(&mut self, sentence: String) {
        self.endpoint = None;
        self.to_target.clear();
        self.to_us.clear();
        self.interrupt(Outcome::Fail, &sentence);
        self.misbehaved.get_or_insert(sentence);
    }

    /// Lets the endpoint act; a panic inside is the target's failure.
    fn endpoint<T>(&mut self, act: impl FnOnce(&mut dyn Endpoint) -> T) -> Option<T> {
        let endpoint = self.endpoint.as_deref_mut()?;
        match catch_unwind(AssertUnwindSafe(|| act(endpoint))) {
            Ok(value) => Some(value),
            Err(panic) => {
                self.cut_off(format!("the target panicked: {}", message(&*panic)));
                None
            }
        }
    }
}

/// The text of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
