//! `tcpconf completions` and `tcpconf man`.

use super::print;
use crate::args;
use crate::failure::Failure;
use clap_complete::Shell;

pub(super) fn completions(shell: Shell) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "tcpconf", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(0)
}

pub(super) fn man() -> Result<u8, Failure> {
    let command = args::command();
    let mut text = Vec::new();
    page(command.clone(), &mut text)?;
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        page(
            sub.clone()
                .display_name(format!("tcpconf-{}", sub.get_name())),
            &mut text,
        )?;
    }
    print(&String::from_utf8_lossy(&text))?;
    Ok(0)
}

fn page(command: clap::Command, text: &mut Vec<u8>) -> Result<(), Failure> {
    clap_mangen::Man::new(command)
        .render(text)
        .map_err(|error| Failure::broken(format!("the manual page: {error}")))
}
