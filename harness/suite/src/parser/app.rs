//! `app` steps.

use super::{Parsed, Parser};
use crate::ast::{AppStep, AppVerb, ListenPort, Name, SettingValue, StepKind};
use crate::diagnostic::Code;
use crate::vocabulary::{VERBS, names};

impl Parser<'_> {
    pub(super) fn app(&mut self, conn: Option<Name>) -> Parsed<StepKind> {
        let verb = self.app_verb()?;
        let expect = if self.accept_word("expect") {
            Some(self.name("an event or error, such as eof")?)
        } else {
            None
        };
        let within = if expect.is_some() && self.accept_word("within") {
            Some(self.value()?)
        } else {
            None
        };
        Ok(StepKind::App(AppStep {
            conn,
            verb,
            expect,
            within,
        }))
    }

    fn app_verb(&mut self) -> Parsed<AppVerb> {
        let span = self.word_span();
        let word = self.peek_word();
        if word == "expect" {
            return Ok(AppVerb::Event);
        }
        self.word();
        Ok(match word {
            "listen" => {
                let port = match self.accept_word("port") {
                    true if self.accept_word("fresh") => Some(ListenPort::Fresh),
                    true => Some(ListenPort::Is(self.value()?)),
                    false => None,
                };
                let backlog = self.value_behind("backlog")?;
                let with = self.settings()?;
                AppVerb::Listen {
                    port,
                    backlog,
                    with,
                }
            }
            "connect" => AppVerb::Connect {
                to: self.name_behind("to", "where, such as same")?,
                port: self.value_behind("port")?,
                data: self.value_behind("data")?,
                with: self.settings()?,
            },
            "accept" => AppVerb::Accept,
            "send" => AppVerb::Send {
                count: self.value()?,
                urgent: self.accept_word("urgent"),
                more: self.accept_word("more"),
            },
            "recv" if self.accept_word("urgent") => AppVerb::ReceiveUrgent,
            "recv" => {
                let count = self.value()?;
                let queued = self.accept_word("queued");
                let pattern = self.accept("==");
                if pattern && !self.accept_word("pattern") {
                    return Err(self.expected("'pattern'").into());
                }
                AppVerb::Recv {
                    count,
                    queued,
                    pattern,
                }
            }
            "close" => AppVerb::Close,
            "shutdown-read" => AppVerb::ShutdownRead,
            "release" => AppVerb::Release,
            "abort" => AppVerb::Abort,
            "set" => AppVerb::Set(self.setting_value()?),
            "status" => AppVerb::Status {
                state: self.name_behind("is", "a state")?,
            },
            word => {
                let found = self.found_at(span);
                let message = format!("expected what the application does, found {found}");
                return Err(self
                    .error(Code::Syntax, span, message)
                    .suggest(word, names(VERBS))
                    .into());
            }
        })
    }

    /// `WORD NAME`, if the word stands here.
    fn name_behind(&mut self, word: &str, wanted: &str) -> Parsed<Option<Name>> {
        if self.accept_word(word) {
            self.name(wanted).map(Some)
        } else {
            Ok(None)
        }
    }

    /// `WORD VALUE`, if the word stands here.
    fn value_behind(&mut self, word: &str) -> Parsed<Option<crate::ast::Expr>> {
        if self.accept_word(word) {
            self.value().map(Some)
        } else {
            Ok(None)
        }
    }

    /// `with NAME VALUE, …`
    fn settings(&mut self) -> Parsed<Vec<SettingValue>> {
        let mut settings = Vec::new();
        if self.accept_word("with") {
            loop {
                settings.push(self.setting_value()?);
                if !self.accept(",") {
                    break;
                }
            }
        }
        Ok(settings)
    }

    fn setting_value(&mut self) -> Parsed<SettingValue> {
        let name = self.name("a setting")?;
        let value = self.value()?;
        Ok(SettingValue { name, value })
    }
}
