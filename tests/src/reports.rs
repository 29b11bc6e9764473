//! Reads what tcpconf wrote, with other people's parsers where there are any.

use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// The records of a JSON Lines report and the verdicts in it.
#[derive(Clone, Debug)]
pub struct Verdicts {
    /// All lines.
    pub records: Vec<Value>,
    /// Each case with the word under which it is shown.
    pub shown: BTreeMap<String, String>,
}

impl Verdicts {
    /// Reads the file.
    ///
    /// # Panics
    /// When a line is not of the documented form, or a case has two verdicts.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&text)
    }

    /// Reads lines.
    ///
    /// # Panics
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Self {
        let records: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect();
        let mut shown = BTreeMap::new();
        for case in records.iter().filter(|r| r["event"] == "case-finished") {
            let id = text_of(&case["id"]);
            let before = shown.insert(id.clone(), text_of(&case["shown"]));
            assert!(before.is_none(), "{id} has two verdicts");
        }
        Self { records, shown }
    }

    /// The lines of that event.
    pub fn of<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Value> {
        self.records.iter().filter(move |r| r["event"] == event)
    }

    /// The case.
    ///
    /// # Panics
    /// When it has no verdict.
    pub fn case(&self, id: &str) -> &Value {
        self.of("case-finished")
            .find(|case| case["id"] == id)
            .unwrap_or_else(|| panic!("no verdict of {id}"))
    }

    /// The ids shown under one of these words.
    pub fn with(&self, words: &[&str]) -> Vec<&str> {
        self.shown
            .iter()
            .filter(|(_, word)| words.contains(&word.as_str()))
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// The packets into the target that the traces hold, as bytes.
    pub fn sent(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.of("case-finished")
            .filter_map(|case| case["trace"].as_array())
            .flatten()
            .filter(|packet| packet["direction"] == "in")
            .map(|packet| bytes(&text_of(&packet["hex"])))
    }

    /// How many cases the first line promised.
    ///
    /// # Panics
    /// When the first line is another one.
    pub fn promised(&self) -> u64 {
        assert_eq!(self.records[0]["event"], "started");
        self.records[0]["cases"].as_u64().expect("a count")
    }

    /// The last line.
    ///
    /// # Panics
    /// When it is not the end of a run.
    pub fn finished(&self) -> &Value {
        let last = self.records.last().expect("a report has lines");
        assert_eq!(last["event"], "finished");
        last
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// A `testcase` of a JUnit report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JunitCase {
    /// The suite it stands in.
    pub suite: String,
    /// `classname`
    pub class: String,
    /// `name`
    pub name: String,
    /// The elements inside that say how it went: `failure`, `skipped`, …
    pub inside: Vec<String>,
}

/// All test cases of a JUnit report.
///
/// # Panics
/// When it is not well-formed XML.
pub fn junit_cases(path: &Path) -> Vec<JunitCase> {
    let text = std::fs::read_to_string(path).expect("the JUnit report must be there");
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = true;
    let mut cases: Vec<JunitCase> = Vec::new();
    let mut suite = String::new();
    let mut depth = 0_i32;
    loop {
        let event = reader
            .read_event()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tag = match &event {
            Event::Start(tag) => {
                depth += 1;
                tag
            }
            Event::Empty(tag) => tag,
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        match tag.name().as_ref() {
            b"testsuite" => suite = attribute(tag, "name"),
            b"testcase" => cases.push(JunitCase {
                suite: suite.clone(),
                class: attribute(tag, "classname"),
                name: attribute(tag, "name"),
                inside: Vec::new(),
            }),
            other => {
                let word = String::from_utf8_lossy(other).into_owned();
                let telling = ["failure", "error", "skipped", "flakyFailure", "system-out"];
                if telling.contains(&word.as_str())
                    && let Some(case) = cases.last_mut()
                {
                    case.inside.push(word);
                }
            }
        }
    }
    assert_eq!(depth, 0, "{}: an element is not closed", path.display());
    cases
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    tag.try_get_attribute(name)
        .expect("well-formed attributes")
        .map(|attribute| String::from_utf8_lossy(&attribute.value).into_owned())
        .unwrap_or_default()
}

/// What a capture file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The file's name.
    pub file: String,
    /// Its packets.
    pub packets: Vec<Vec<u8>>,
}

/// All captures in a folder, in the order of their names.
///
/// # Panics
/// When one cannot be read to its end.
pub fn captures(folder: &Path) -> Vec<Captured> {
    let mut found: Vec<Captured> = std::fs::read_dir(folder)
        .expect("the folder of captures must be there")
        .map(|entry| entry.expect("a readable folder").path())
        .map(|path| {
            let file = File::open(&path).expect("a readable capture");
            let mut reader = PcapNgReader::new(file).expect("a pcapng file");
            let mut packets = Vec::new();
            while let Some(block) = reader.next_block() {
                if let Block::EnhancedPacket(packet) = block.expect("a whole block") {
                    packets.push(packet.data.into_owned());
                }
            }
            let name = path.file_name().expect("a file has a name");
            Captured {
                file: name.to_string_lossy().into_owned(),
                packets,
            }
        })
        .collect();
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}
