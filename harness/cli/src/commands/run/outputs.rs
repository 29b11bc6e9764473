//! Which reports a run writes, and where to.

use crate::args::RunArgs;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use tcpconf_report::html::SiteOptions;
use tcpconf_report::terminal::TerminalOptions;
use tcpconf_report::{Again, Captures, Html, JsonLines, Junit, Reports, Tap, Terminal};
use tcpconf_suite::Requirements;

/// The flags that decide it.
pub(super) struct Outputs<'a> {
    args: &'a RunArgs,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(args: &'a RunArgs) -> Self {
        Self { args }
    }

    /// The terminal and all files.
    pub(super) fn all(&self, requirements: Arc<Requirements>) -> Reports {
        let output = &self.args.output;
        let options = TerminalOptions {
            verbose: output.verbose,
            progress: io::stdout().is_terminal() && io::stderr().is_terminal(),
            again: self.again(),
            captures: output.pcap.clone(),
            all_captures: output.pcap_all,
            requirements: Arc::clone(&requirements),
        };
        let mut reports = Reports::new();
        if self.stdout_is_taken() {
            reports.add("stderr", Terminal::new(anstream::stderr(), options));
        } else {
            reports.add("stdout", Terminal::new(anstream::stdout(), options));
        }
        self.add_files(&mut reports, requirements);
        reports
    }

    /// The files alone.
    pub(super) fn files(&self) -> Reports {
        let mut reports = Reports::new();
        self.add_files(&mut reports, Arc::default());
        reports
    }

    fn add_files(&self, reports: &mut Reports, requirements: Arc<Requirements>) {
        let output = &self.args.output;
        let strict = self.args.pace.strict;
        if let Some(path) = &output.jsonl {
            let report = create(path).map(|out| JsonLines::new(out, output.pcap_all));
            reports.add_or_fail(&name("jsonl", path), report);
        }
        if let Some(path) = &output.junit {
            let report = create(path).map(|out| Junit::new(out, strict));
            reports.add_or_fail(&name("junit", path), report);
        }
        if let Some(path) = &output.tap {
            reports.add_or_fail(
                &name("tap", path),
                create(path).map(|out| Tap::new(out, strict)),
            );
        }
        if let Some(path) = &output.pcap {
            reports.add_or_fail(&name("pcap", path), Captures::create(path, output.pcap_all));
        }
        if let Some(path) = &output.html {
            let captures = output.pcap.as_deref();
            let options = SiteOptions::with_captures(path, captures, output.pcap_all);
            let report = Html::new(path.clone(), requirements, options);
            reports.add_or_fail(&name("html", path), report);
        }
    }

    fn stdout_is_taken(&self) -> bool {
        self.paths().any(|(_, path)| is_dash(path))
    }

    /// The flags of reports that are one file, each with its path.
    fn paths(&self) -> impl Iterator<Item = (&'static str, &'a Path)> {
        let output = &self.args.output;
        let all = [
            ("--jsonl", &output.jsonl),
            ("--junit", &output.junit),
            ("--tap", &output.tap),
        ];
        all.into_iter()
            .filter_map(|(flag, path)| Some((flag, path.as_deref()?)))
    }

    /// Two reports in one place: one would write over the other, or they would be mixed.
    pub(super) fn clash(&self) -> Option<(&'static str, &'static str)> {
        let paths: Vec<_> = self.paths().collect();
        let pairs = paths.iter().enumerate().flat_map(|(index, one)| {
            let after = paths[index + 1..].iter();
            after.map(move |other| (*one, *other))
        });
        let mut same = pairs.filter(|(one, other)| one.1 == other.1);
        same.next().map(|(one, other)| (one.0, other.0))
    }

    /// What else the `again` line needs; from wherever it was set.
    fn again(&self) -> Again {
        let mut options: Vec<String> = Vec::new();
        let mut pair = |flag: &str, value: String| options.extend([flag.to_owned(), value]);
        let target = &self.args.target;
        if target.target != "stack" {
            pair("--target", quoted(&target.target));
        }
        if let Some(profile) = &self.args.profile.profile {
            pair("--profile", quoted(profile));
        }
        if let Some(transport) = &target.transport {
            pair("--transport", quoted(transport));
        }
        if let Some(address) = target.address {
            pair("--address", address.to_string());
        }
        if let Some(agent) = &target.agent {
            pair("--agent", agent.clone());
        }
        for service in &target.service {
            pair("--service", service.to_string());
        }
        if let Some(ip) = target.ip {
            pair("--ip", ip.to_string());
        }
        if let Some(source) = target.source {
            pair("--source", source.to_string());
        }
        if let Some(interface) = &target.interface {
            pair("--interface", interface.clone());
        }
        if let Some(timeout) = self.args.pace.timeout {
            pair(
                "--timeout",
                humantime::format_duration(timeout)
                    .to_string()
                    .replace(' ', ""),
            );
        }
        if self.args.pace.slow {
            options.push("--slow".into());
        }
        if self.args.selection.exhaustive {
            options.push("--exhaustive".into());
        }
        Again { options }
    }
}

/// For a shell.
fn quoted(word: &str) -> String {
    if word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

fn name(flag: &str, path: &Path) -> String {
    format!("--{flag} {}", path.display())
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn create(path: &Path) -> io::Result<Box<dyn Write>> {
    if is_dash(path) {
        return Ok(Box::new(Quiet {
            out: io::stdout(),
            closed: false,
        }));
    }
    Ok(Box::new(BufWriter::new(File::create(path)?)))
}

/// A pipe whose reader may leave: what is written then goes nowhere.
struct Quiet<W> {
    out: W,
    closed: bool,
}

impl<W: Write> Quiet<W> {
    fn forgive(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.closed {
            let result = self.out.write_all(bytes);
            self.forgive(result)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.out.flush();
        self.forgive(result)
    }
}
