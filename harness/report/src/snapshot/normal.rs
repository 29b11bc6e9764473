//! Packets without what is different in every play.

use std::time::Duration;
use tcpconf_engine::TraceEntry;
use tcpconf_wire::Instant;

/// The engine's note on packets behind the verdict: they reset what was opened and are no stimulus.
const CLEANING_UP: &str = "cleaning up";

/// Delay classes: below each bound stands its name.
///
/// The doublings of a back-off that begins at 1 s (RFC 6298 §2.1, §5.5) fall each into a class of their
/// own, an acknowledgement delayed as RFC 9293 MUST-40 allows is below 500 ms.
const DELAYS: [(Duration, &str); 4] = [
    (Duration::from_millis(25), ""),
    (Duration::from_millis(100), " after <0.1s"),
    (Duration::from_millis(500), " after <0.5s"),
    (Duration::from_millis(1_500), " after ~1s"),
];

/// Window classes: below each bound stands its name. 536 is the default MSS (RFC 9293 MUST-15).
const WINDOWS: [(u64, &str); 5] = [
    (1, "0"),
    (536, "tiny"),
    (4_096, "small"),
    (32_768, "medium"),
    (u64::MAX, "large"),
];

/// The packets of a case, line by line.
pub(super) fn lines(trace: &[TraceEntry]) -> Vec<String> {
    let mut before: Option<Instant> = None;
    let mut lines = Vec::new();
    for entry in trace {
        if entry.note.as_deref() == Some(CLEANING_UP) {
            continue;
        }
        let since = before.map_or(Duration::ZERO, |before| entry.at.since(before));
        lines.push(packet_line(&entry.line(), since));
        before = Some(entry.at);
    }
    lines
}

/// A line of a trace, `< S 0:0(0) win 65535 <mss 1460>`, normalised, with the class of the time since the
/// packet before it.
pub fn packet_line(line: &str, since: Duration) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line.split(' ').filter(|word| !word.is_empty());
    // What the harness sends is the stimulus: its window is the suite's, its delay the harness's.
    let from_target = line.split(' ').take(2).any(|word| word == ">");
    while let Some(word) = rest.next() {
        words.push(word.to_owned());
        match word.trim_start_matches('<') {
            "win" if from_target => words.extend(rest.next().map(window)),
            "checksum" => words.extend(rest.next().map(number_of_a_clock)),
            "val" | "ecr" => words.extend(rest.next().map(number_of_a_clock)),
            // Of a packet of the connection: its addresses and ports, `A:80 > B:4000`, are those of the play.
            "quote" => {
                let quoted: Vec<&str> = rest.by_ref().take(3).collect();
                if quoted.get(1) != Some(&">") {
                    words.extend(quoted.into_iter().map(str::to_owned));
                }
            }
            _ => {}
        }
    }
    let line = words.join(" ");
    if from_target {
        line + &delay(since)
    } else {
        line
    }
}

fn delay(since: Duration) -> String {
    match DELAYS.iter().find(|(bound, _)| since < *bound) {
        Some((_, name)) => (*name).to_owned(),
        None => {
            // Doublings of 1 s: the nearest power of two.
            let doublings = since.as_secs_f64().log2().round();
            format!(" after ~{}s", doublings.exp2())
        }
    }
}

fn window(text: &str) -> String {
    let (number, tail) = split(text);
    let class = number.parse().ok().and_then(|window: u64| {
        WINDOWS
            .iter()
            .find(|(bound, _)| window < *bound)
            .map(|(_, name)| *name)
    });
    format!("{}{tail}", class.unwrap_or(number))
}

/// Zero means something (RFC 7323 §3.2, RFC 9293 §3.1), any other value is a clock's or follows from one.
fn number_of_a_clock(text: &str) -> String {
    let (number, tail) = split(text);
    match number {
        "0" => format!("0{tail}"),
        _ => format!("n{tail}"),
    }
}

/// The digits in front, and what follows.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// One play for all, or `None` when they differ in more than numbers that are drawn anew in each.
///
/// Such a number becomes `n1`, the next one `n2`; what lies a little behind one of them is `n1+1`.
pub(super) fn merged(plays: &[Vec<String>]) -> Option<Vec<String>> {
    let (first, others) = plays.split_first()?;
    if others.iter().all(|other| other == first) {
        return Some(first.clone());
    }
    let plays: Vec<Vec<Vec<Chunk<'_>>>> = plays
        .iter()
        .map(|play| play.iter().map(|line| chunks(line)).collect())
        .collect();
    let shape = |play: &Vec<Vec<Chunk<'_>>>| -> Vec<Vec<Option<String>>> {
        let text = |chunk: &Chunk<'_>| match chunk {
            Chunk::Text(text) => Some((*text).to_owned()),
            Chunk::Number(_) => None,
        };
        play.iter()
            .map(|line| line.iter().map(text).collect())
            .collect()
    };
    let one = shape(&plays[0]);
    if plays.iter().any(|play| shape(play) != one) {
        return None;
    }
    let drawn = |line: usize, at: usize| plays.iter().any(|p| p[line][at] != plays[0][line][at]);
    let mut named = plays.iter().map(|play| named(play, &drawn));
    let first = named.next()?;
    named.all(|other| other == first).then_some(first)
}

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk<'a> {
    Text(&'a str),
    Number(i64),
}

fn chunks(line: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let end = rest.len() - digits.len() + length;
        if let (true, Ok(number)) = (length > 0, rest[..end].parse()) {
            chunks.push(Chunk::Number(number));
            rest = &rest[end..];
            continue;
        }
        // A word that holds digits, such as `n1`, is none of ours: numbers begin behind a separator.
        let next = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_digit() || *c == '-')
            .map_or(rest.len(), |(at, _)| at);
        chunks.push(Chunk::Text(&rest[..next]));
        rest = &rest[next..];
    }
    chunks
}

/// So far behind a drawn number it is told by its distance.
const NEAR: u32 = 1 << 17;

fn named(play: &[Vec<Chunk<'_>>], drawn: &dyn Fn(usize, usize) -> bool) -> Vec<String> {
    let mut names: Vec<u32> = Vec::new();
    let mut name = |number: i64| {
        // Sequence numbers: modulo 2^32, whatever they are shown relative to.
        let number = number as u32;
        let near = |known: &u32| number.wrapping_sub(*known) < NEAR;
        let index = names.iter().position(near).unwrap_or_else(|| {
            names.push(number);
            names.len() - 1
        });
        match number.wrapping_sub(names[index]) {
            0 => format!("n{}", index + 1),
            distance => format!("n{}+{distance}", index + 1),
        }
    };
    let mut lines = Vec::new();
    for (at_line, line) in play.iter().enumerate() {
        let mut text = String::new();
        for (at, chunk) in line.iter().enumerate() {
            match chunk {
                Chunk::Text(words) => text.push_str(words),
                Chunk::Number(number) if drawn(at_line, at) => text.push_str(&name(*number)),
                Chunk::Number(number) => text.push_str(&number.to_string()),
            }
        }
        lines.push(text);
    }
    lines
}
