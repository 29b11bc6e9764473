//! The target's process: started, watched, its last words kept, ended with all that it started.
#![expect(
    unsafe_code,
    reason = "what runs between fork and exec must be marked so"
)]

use crate::TargetError;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Octets of its output that are kept.
const LAST_WORDS: usize = 2_048;
/// Lines of them that are shown.
const LINES: usize = 8;
/// How long it may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is asked whether it lives.
const LOOK: Duration = Duration::from_millis(2);

/// A running target.
pub(crate) struct Process {
    child: Child,
    name: String,
    words: Arc<Mutex<VecDeque<u8>>>,
    /// Reads what it writes, until nobody can write any more.
    reader: JoinHandle<()>,
    ended: Option<ExitStatus>,
    looked: Instant,
}

impl Process {
    /// Starts it in the calling thread's namespace, in a process group of its own; it ends with that
    /// thread.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn start(
        exec: &[String],
        environment: &[(&'static str, String)],
    ) -> Result<Self, TargetError> {
        let Some((program, arguments)) = exec.split_first() else {
            return Err(TargetError::Usage("exec: names no program".into()));
        };
        let system = |source| TargetError::System {
            what: format!("starting {program}"),
            source,
        };
        let (mut output, input) = std::io::pipe().map_err(system)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(input.try_clone().map_err(system)?)
            .stderr(input)
            .process_group(0);
        // SAFETY: prctl(2) is a system call and nothing else: it may be made between fork and exec.
        unsafe {
            command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?));
        }
        let child = command.spawn().map_err(system)?;
        // Its own copies of the pipe's end go with it: then the reader ends.
        drop(command);
        let words = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&words);
        let reader = std::thread::Builder::new()
            .name("tcpconf-output".into())
            .spawn(move || keep(&mut output, &kept))
            .map_err(system)?;
        Ok(Self {
            child,
            name: program.clone(),
            words,
            reader,
            ended: None,
            looked: Instant::now(),
        })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        if self.ended.is_none() && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.ended = self.child.try_wait().ok().flatten();
            if self.ended.is_some() {
                self.hear_out();
            }
        }
        let status = self.ended?;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("with exit code {code}"),
            (_, Some(signal)) => match Signal::try_from(signal) {
                Ok(signal) => format!("by {signal}"),
                Err(_) => format!("by signal {signal}"),
            },
            _ => "somehow".into(),
        };
        Some(format!("{} ended {how}{}", self.name, self.last_words()))
    }

    /// Waits until its last words are read; not for long, as what it started may hold the pipe.
    fn hear_out(&self) {
        let began = Instant::now();
        while !self.reader.is_finished() && began.elapsed() < GRACE {
            std::thread::sleep(LOOK);
        }
    }

    /// Waits a moment for its end: whoever closes its socket is about to.
    pub(crate) fn ended_soon(&mut self) -> Option<String> {
        let began = Instant::now();
        while began.elapsed() < GRACE {
            if let Some(sentence) = self.ended() {
                return Some(sentence);
            }
            std::thread::sleep(LOOK);
        }
        None
    }

    /// The end of what it wrote, as a clause of its own.
    pub(crate) fn last_words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let text: Vec<u8> = words.iter().copied().collect();
        drop(words);
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        if last.is_empty() {
            return "; it wrote nothing".into();
        }
        format!("; the last that it wrote:\n    {}", last.join("\n    "))
    }

    fn tell(&self, signal: Signal) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        // It may have ended by itself.
        let _gone = killpg(group, signal);
    }
}

/// Reads to the end, so that the process never waits for us, and keeps what came last.
fn keep(output: &mut impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 1_024];
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let mut words = kept.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend(&buffer[..count]);
        let beyond = words.len().saturating_sub(LAST_WORDS);
        words.drain(..beyond);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tell(Signal::SIGTERM);
        let began = Instant::now();
        while began.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK);
        }
        // What it started may have stayed.
        self.tell(Signal::SIGKILL);
        let _reaped = self.child.wait();
    }
}

#[cfg(test)]
mod tests;
