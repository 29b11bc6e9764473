//! Values of flags that are more than a number or a word.

use clap::builder::BoolishValueParser;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time with its unit, longer than none.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("no time at all"),
        Ok(duration) => Ok(duration),
        Err(_) => Err("expected a duration, such as 90s or 2min"),
    }
}

/// A switch in the environment or in tcpconf.toml: true, 1, yes, on, and their opposites.
pub(super) fn switch() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// `I/N`: the I-th of N parts, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) count: usize,
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (index, count) = text.split_once('/').ok_or("expected I/N, such as 1/4")?;
        let parse = |part: &str| {
            part.parse::<usize>()
                .map_err(|_| "expected I/N, such as 1/4")
        };
        let (index, count) = (parse(index)?, parse(count)?);
        if index == 0 || index > count {
            return Err("I counts from 1 to N");
        }
        Ok(Self { index, count })
    }
}

impl Shard {
    /// Whether the case with this id is in this part: a question of its id alone, so that it stays there
    /// whatever is added, left out or moved.
    pub(crate) fn holds(self, id: &str) -> bool {
        // FNV-1a, 64 bits: no library's hash may change it.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
        // The low bits of FNV know little of the last octets.
        (hash ^ (hash >> 32)) % self.count as u64 == self.index as u64 - 1
    }
}

/// `N/s`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u32);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        match number.parse() {
            Ok(0) => Err("nothing can be sent at 0/s"),
            Ok(rate) => Ok(Self(rate)),
            Err(_) => Err("expected packets a second, such as 500/s"),
        }
    }
}

/// `NAME=PORT`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, port) = text
            .split_once('=')
            .ok_or("expected NAME=PORT, such as echo=7")?;
        let known = tcpconf_suite::vocabulary::SERVICES;
        if !tcpconf_suite::vocabulary::has(known, name) {
            let names: Vec<&str> = tcpconf_suite::vocabulary::names(known).collect();
            return Err(format!(
                "no service is called '{name}'; known: {}",
                names.join(" ")
            ));
        }
        match port.parse() {
            Ok(0) | Err(_) => Err(format!("'{port}' is no port")),
            Ok(port) => Ok(Self {
                name: name.to_owned(),
                port,
            }),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1/1", true)]
    #[case("4/4", true)]
    #[case("0/4", false)]
    #[case("5/4", false)]
    #[case("1", false)]
    #[case("a/b", false)]
    fn shards_count_from_one(#[case] text: &str, #[case] fine: bool) {
        assert_eq!(text.parse::<Shard>().is_ok(), fine);
    }

    #[test]
    fn shards_part_the_ids_evenly_and_without_overlap() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|s| s.parse().unwrap()).to_vec();
        let mut sizes = [0; 3];
        for case in 0..900 {
            let id = format!("handshake/case-{}[n={case}]", case % 7);
            let holders: Vec<usize> = (0..3).filter(|n| shards[*n].holds(&id)).collect();
            assert_eq!(holders.len(), 1, "{id}");
            sizes[holders[0]] += 1;
        }
        assert!(
            sizes.iter().all(|size| (250..350).contains(size)),
            "{sizes:?}"
        );
    }

    /// The same in every version: parts of a run that ran elsewhere must fit together.
    #[test]
    fn the_part_of_an_id_does_not_change() {
        let of = |id: &str| {
            (1..=4).find(|index| {
                Shard {
                    index: *index,
                    count: 4,
                }
                .holds(id)
            })
        };
        assert_eq!(
            ["a/b", "a/c", "close/x[n=1]", "close/x[n=2]"].map(|id| of(id).unwrap()),
            [1, 4, 3, 2]
        );
    }

    #[rstest]
    #[case("500/s", Some(500))]
    #[case("500", Some(500))]
    #[case("0/s", None)]
    #[case("fast", None)]
    fn rates_are_packets_a_second(#[case] text: &str, #[case] rate: Option<u32>) {
        assert_eq!(text.parse::<Rate>().ok().map(|r| r.0), rate);
    }

    #[rstest]
    #[case("echo=7", true)]
    #[case("echo", false)]
    #[case("echo=0", false)]
    #[case("echo=70000", false)]
    #[case("eccho=7", false)]
    fn services_are_known_names_with_ports(#[case] text: &str, #[case] fine: bool) {
        assert_eq!(text.parse::<Service>().is_ok(), fine);
    }
}
