//! The tester's end: application calls as service primitives, their responses and events as replies.
//!
//! Pure: octets go in and out, time is the caller's. One request is under way at a time, because a
//! response names its primitive and not its request. What the protocol cannot express is refused by
//! [`Errno::Unsupported`], and [`express`] says what is missing.

mod express;
mod opening;
mod reading;

pub use express::{capabilities, express};
pub use reading::Reading;

use super::Dialect;
use super::message::{Kind, Message};
use super::primitive::result::errno_of;
use super::primitive::{Direction, Event, Request, Response};
use express::configure;
use opening::number_step;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;

/// Octets of one SEND_DATA: what fits into a datagram with its headers.
const MAX_SEND: usize = 60_000;

/// What a request is part of.
#[derive(Clone, Debug)]
enum Purpose {
    /// A call: the reply when its last request is answered.
    Call(CallId, Value),
    /// Listening or connecting by a new socket, whose number the first response tells; where it is bound.
    Open(CallId, Role, SocketAddr),
    /// Reading from a socket; nobody waits.
    Read(u16),
    /// Nobody waits, and nothing depends on it.
    Tidy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Listener,
    Connection,
}

/// Requests of one purpose, one after the other.
#[derive(Clone, Debug)]
struct Job {
    purpose: Purpose,
    steps: VecDeque<Request>,
}

#[derive(Debug)]
struct Open {
    role: Role,
    /// Connections that were not asked for yet.
    accepted: VecDeque<(u16, SocketAddr)>,
    accepting: VecDeque<CallId>,
    local: SocketAddr,
    received: VecDeque<u8>,
    receiving: VecDeque<(CallId, usize)>,
    reading: bool,
    ended: bool,
    lost: bool,
}

/// One application, as it is seen through one upper tester.
#[derive(Debug)]
pub struct Client {
    dialect: Dialect,
    reading: Reading,
    jobs: VecDeque<Job>,
    under_way: Option<(Request, Job)>,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<AppEvent>,
    sockets: BTreeMap<u16, Open>,
    /// Sockets whose closing is under way: their numbers mean nothing any more.
    closing: BTreeSet<u16>,
}

impl Client {
    /// Without a socket yet.
    pub fn new(dialect: Dialect, reading: Reading) -> Self {
        Self {
            dialect,
            reading,
            jobs: VecDeque::new(),
            under_way: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
            sockets: BTreeMap::new(),
            closing: BTreeSet::new(),
        }
    }

    /// The next message for the upper tester.
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// The next event of the application.
    pub fn next_event(&mut self) -> Option<AppEvent> {
        self.events.pop_front()
    }

    /// Whether a response is waited for.
    pub fn waits(&self) -> bool {
        self.under_way.is_some()
    }

    /// Makes a call; its reply is an event.
    pub fn call(&mut self, id: CallId, call: AppCall) {
        if call.needs().into_iter().any(|it| express(it).is_err()) {
            return self.reply(id, Err(Errno::Unsupported));
        }
        let made = match call {
            AppCall::Listen {
                local,
                backlog,
                with,
            } => self.listen(id, local, backlog, &with),
            AppCall::Connect {
                remote,
                local,
                with,
                data,
            } => self.connect(id, remote, local, &with, data),
            AppCall::Accept(handle) => self.accept(id, handle),
            AppCall::Send { socket, data, .. } => self.send(id, socket, &data),
            AppCall::Receive(handle, max) => self.receive(id, handle, max),
            AppCall::Close(handle) => self.close(id, handle),
            AppCall::ShutdownRead(handle) => self.shutdown(id, handle, Direction::Receive),
            AppCall::Release(handle) => self.drop_socket(id, handle, false),
            AppCall::Abort(handle) => self.drop_socket(id, handle, true),
            AppCall::Set(handle, setting, value) => self.set(id, handle, setting, value),
            AppCall::ResetAll => {
                self.reset(id);
                Ok(())
            }
            AppCall::ReceiveUrgent(_) | AppCall::Get(..) | AppCall::Status(_) => {
                Err(Errno::Unsupported)
            }
        };
        if let Err(errno) = made {
            self.reply(id, Err(errno));
        }
        self.go_on();
    }

    /// Takes a message from the upper tester. What is none of this dialect is passed over.
    pub fn handle(&mut self, message: &Message) {
        match self.dialect.kind(message) {
            Some(Kind::Response) => self.response(message),
            Some(Kind::Event) => {
                if let Ok(event) = Event::of(message, &self.dialect) {
                    self.event(event, message.request);
                }
            }
            Some(Kind::Request) | None => {}
        }
        self.go_on();
    }

    /// No response came in time, or the line is down: what is under way has failed.
    pub fn give_up(&mut self, errno: Errno) {
        if let Some((_, job)) = self.under_way.take() {
            self.failed(job, errno);
        }
        self.go_on();
    }

    fn reply(&mut self, id: CallId, result: Result<Value, Errno>) {
        self.events.push_back(AppEvent::Reply { id, result });
    }

    fn queue(&mut self, purpose: Purpose, steps: impl IntoIterator<Item = Request>) {
        let steps = steps.into_iter().collect();
        self.jobs.push_back(Job { purpose, steps });
    }

    /// Sends the next request, if none is under way.
    fn go_on(&mut self) {
        while self.under_way.is_none() {
            let Some(mut job) = self.jobs.pop_front() else {
                return;
            };
            if let Some(request) = job.steps.pop_front() {
                self.out.push_back(request.message(&self.dialect).build());
                self.under_way = Some((request, job));
            } else if let Purpose::Call(id, value) = job.purpose {
                self.reply(id, Ok(value));
            }
        }
    }

    fn find(&mut self, handle: SocketHandle) -> Result<(u16, &mut Open), Errno> {
        let number = u16::try_from(handle.0).map_err(|_| Errno::BadSocket)?;
        let open = self.sockets.get_mut(&number).ok_or(Errno::BadSocket)?;
        Ok((number, open))
    }

    fn send(&mut self, id: CallId, handle: SocketHandle, data: &[u8]) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        let steps: Vec<_> = data
            .chunks(MAX_SEND)
            .map(|chunk| Request::SendData {
                socket,
                total: u16::try_from(chunk.len()).expect("MAX_SEND fits"),
                flags: 0,
                data: chunk.to_vec(),
            })
            .collect();
        self.queue(Purpose::Call(id, Value::Count(data.len())), steps);
        Ok(())
    }

    fn close(&mut self, id: CallId, handle: SocketHandle) -> Result<(), Errno> {
        match self.find(handle)?.1.role {
            Role::Connection => self.shutdown(id, handle, Direction::Send),
            // A listener is closed altogether.
            Role::Listener => self.drop_socket(id, handle, false),
        }
    }

    fn shutdown(
        &mut self,
        id: CallId,
        handle: SocketHandle,
        direction: Direction,
    ) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        let request = Request::Shutdown { socket, direction };
        self.queue(Purpose::Call(id, Value::Done), [request]);
        Ok(())
    }

    fn drop_socket(&mut self, id: CallId, handle: SocketHandle, abort: bool) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        self.forget(socket);
        let request = Request::CloseSocket { socket, abort };
        self.queue(Purpose::Call(id, Value::Done), [request]);
        Ok(())
    }

    /// The socket is about to be closed: who waits for it waits in vain.
    fn forget(&mut self, socket: u16) {
        let Some(open) = self.sockets.remove(&socket) else {
            return;
        };
        self.closing.insert(socket);
        let waiting = open.receiving.into_iter().map(|(id, _)| id);
        for id in waiting.chain(open.accepting) {
            self.reply(id, Err(Errno::ConnectionAborted));
        }
        // Connections that nobody has asked for.
        for (socket, _) in open.accepted {
            self.forget(socket);
            let abort = true;
            self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
        }
    }

    fn set(
        &mut self,
        id: CallId,
        handle: SocketHandle,
        setting: Setting,
        value: i64,
    ) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        let request = configure(socket, setting, value)?;
        self.queue(Purpose::Call(id, Value::Done), [request]);
        Ok(())
    }

    fn reset(&mut self, id: CallId) {
        // What has not begun need not begin.
        for job in std::mem::take(&mut self.jobs) {
            if matches!(job.purpose, Purpose::Tidy) {
                self.jobs.push_back(job);
            } else {
                self.failed(job, Errno::ConnectionAborted);
            }
        }
        let sockets: Vec<u16> = self.sockets.keys().copied().collect();
        for socket in sockets {
            if self.sockets.contains_key(&socket) {
                self.forget(socket);
                let abort = true;
                self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
            }
        }
        if let Some((_, job)) = &mut self.under_way
            && let Purpose::Open(..) = job.purpose
        {
            // Its socket is closed as soon as it has a number.
            job.steps.clear();
        }
        self.queue(Purpose::Call(id, Value::Done), []);
    }

    fn response(&mut self, message: &Message) {
        let Some((request, job)) = self.under_way.take() else {
            return;
        };
        let sent = request.message(&self.dialect);
        if (sent.group, sent.primitive) != (message.group, message.primitive) {
            // Late, from a request that was given up.
            self.under_way = Some((request, job));
            return;
        }
        let answered = match errno_of(message.result) {
            Some(errno) => Err(errno),
            None => Response::of(message, &request).map_err(|_| Errno::Other),
        };
        match answered {
            Ok(response) => self.succeeded(&request, response, job),
            Err(errno) => self.failed_at(&request, job, errno),
        }
    }

    fn succeeded(&mut self, request: &Request, response: Response, mut job: Job) {
        match (&job.purpose, request, response) {
            (Purpose::Open(id, ..), Request::CreateAndBind { .. }, Response::Socket(number)) => {
                self.closing.remove(&number);
                if job.steps.is_empty() {
                    // Everything was reset meanwhile.
                    let (id, abort) = (*id, true);
                    self.reply(id, Err(Errno::ConnectionAborted));
                    let socket = number;
                    return self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
                }
                for step in &mut job.steps {
                    number_step(step, number);
                }
                self.jobs.push_front(job);
            }
            (Purpose::Open(id, role, local), _, _) if job.steps.is_empty() => {
                self.opened(*id, *role, *local, request);
            }
            (Purpose::Read(socket), _, Response::Dropped(count)) if count > 0 => {
                let socket = *socket;
                if let Some(open) = self.sockets.get_mut(&socket) {
                    open.lost = true;
                }
                self.give(socket);
            }
            (Purpose::Tidy | Purpose::Call(..), Request::CloseSocket { socket, .. }, _) => {
                self.closing.remove(socket);
                self.jobs.push_front(job);
            }
            _ => self.jobs.push_front(job),
        }
    }

    /// A request of a job failed.
    fn failed_at(&mut self, request: &Request, job: Job, errno: Errno) {
        match request {
            Request::CloseSocket { socket, .. } => drop(self.closing.remove(socket)),
            // What cannot be opened leaves its socket behind.
            Request::ConfigureSocket { socket, .. }
            | Request::Connect { socket, .. }
            | Request::ListenAndAccept {
                listener: socket, ..
            } if matches!(job.purpose, Purpose::Open(..)) => {
                let (socket, abort) = (*socket, true);
                self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
            }
            _ => {}
        }
        self.failed(job, errno);
    }

    fn failed(&mut self, job: Job, errno: Errno) {
        match job.purpose {
            Purpose::Call(id, _) | Purpose::Open(id, ..) => self.reply(id, Err(errno)),
            Purpose::Read(socket) => {
                let Some(open) = self.sockets.get_mut(&socket) else {
                    return;
                };
                open.reading = false;
                for (id, _) in std::mem::take(&mut open.receiving) {
                    self.reply(id, Err(errno));
                }
            }
            Purpose::Tidy => {}
        }
    }

    fn event(&mut self, event: Event, request: u32) {
        match event {
            Event::Accepted {
                listener,
                socket,
                port,
                address,
            } => self.accepted(listener, socket, SocketAddr::new(address, port)),
            Event::Forwarded { full, data } => self.forwarded(full, data, request),
        }
    }
}
