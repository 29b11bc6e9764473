//! A peer behind a Unix socket that does as little TCP as it takes to be believed, and then worse.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tcpconf_wire::{Flags, Segment, SeqNumber};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// Longer than any run against it may last.
const PATIENCE: Duration = Duration::from_secs(120);

/// What it does once it has opened this many connections properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Says nothing any more.
    Silent,
    /// Closes the socket.
    Closes,
    /// Answers every frame by ten thousand segments.
    Floods,
    /// Answers by noise in frames.
    Garbage,
    /// Announces a frame longer than any.
    Absurd,
    /// Reads no more.
    Deaf,
}

/// The running peer.
pub(crate) struct Peer {
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
    thread: JoinHandle<()>,
}

impl Peer {
    pub(crate) fn start(manner: Manner, sound: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peer.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            // Its end is told by an error, from either side.
            let _end = serve(socket, manner, sound);
        });
        Self {
            path,
            _folder: folder,
            thread,
        }
    }

    pub(crate) fn transport(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Waits for its end, which comes with the run's.
    pub(crate) fn finish(self) {
        self.thread.join().unwrap();
    }
}

fn serve(mut socket: UnixStream, manner: Manner, sound: usize) -> std::io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let began = Instant::now();
    let mut opened = 0;
    let mut noise = 1_u64;
    while began.elapsed() < PATIENCE {
        let mut length = [0; 4];
        socket.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        socket.read_exact(&mut frame)?;
        if frame[12..14] == [8, 6] {
            let answer = arp(&frame);
            send(&mut socket, &answer)?;
            continue;
        }
        let Some(segment) = Segment::parse(&frame[14..]) else {
            continue;
        };
        let opens = segment.flags.contains(Flags::SYN);
        if opened >= sound {
            match manner {
                Manner::Silent => continue,
                Manner::Closes => return Ok(()),
                Manner::Absurd => socket.write_all(&[0xff; 4])?,
                Manner::Deaf => {
                    std::thread::sleep(Duration::from_secs(6));
                    return Ok(());
                }
                Manner::Floods => {
                    for count in 0..10_000 {
                        let answer = syn_ack(&frame, &segment, count);
                        send(&mut socket, &answer)?;
                    }
                }
                Manner::Garbage => {
                    for _ in 0..20 {
                        let mut answer = syn_ack(&frame, &segment, 0);
                        for octet in &mut answer[14..] {
                            noise = noise
                                .wrapping_mul(6_364_136_223_846_793_005)
                                .wrapping_add(1);
                            if noise >> 62 == 0 {
                                *octet = (noise >> 32) as u8;
                            }
                        }
                        send(&mut socket, &answer)?;
                    }
                }
            }
            continue;
        }
        if opens && segment.dst_port == 7 {
            opened += 1;
            let answer = syn_ack(&frame, &segment, 0);
            send(&mut socket, &answer)?;
        }
    }
    Ok(())
}

fn send(socket: &mut UnixStream, frame: &[u8]) -> std::io::Result<()> {
    socket.write_all(&(frame.len() as u32).to_be_bytes())?;
    socket.write_all(frame)
}

/// The answer to an ARP request.
fn arp(frame: &[u8]) -> Vec<u8> {
    let mut answer = frame.to_vec();
    answer[..6].copy_from_slice(&frame[6..12]);
    answer[6..12].copy_from_slice(&MAC);
    answer[21] = 2;
    answer[22..28].copy_from_slice(&MAC);
    answer[28..32].copy_from_slice(&frame[38..42]);
    answer[32..38].copy_from_slice(&frame[22..28]);
    answer[38..42].copy_from_slice(&frame[28..32]);
    answer
}

/// A SYN-ACK, behind an Ethernet header.
fn syn_ack(frame: &[u8], syn: &Segment, more: u32) -> Vec<u8> {
    let mut answer = Segment::new(syn.dst(), syn.src());
    answer.flags = Flags::SYN | Flags::ACK;
    answer.seq = SeqNumber(7 + more);
    answer.ack = syn.seq + 1;
    answer.window = 8_192;
    let mut out = Vec::with_capacity(60);
    out.extend_from_slice(&frame[6..12]);
    out.extend_from_slice(&MAC);
    out.extend_from_slice(&[8, 0]);
    out.extend(answer.build());
    out
}
