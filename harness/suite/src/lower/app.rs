//! `app` steps, parameters substituted.

use super::{Lowered, Lowerer, Scope};
use crate::ast::*;

impl Lowerer<'_> {
    pub(super) fn app(&mut self, app: &AppStep, scope: &Scope<'_>) -> Lowered<AppStep> {
        let AppStep {
            conn,
            verb,
            expect,
            within,
        } = app;
        let verb = match verb {
            AppVerb::Listen {
                port,
                backlog,
                with,
            } => AppVerb::Listen {
                port: match port {
                    Some(ListenPort::Is(port)) => Some(ListenPort::Is(self.expr(port, scope)?)),
                    Some(ListenPort::Fresh) => Some(ListenPort::Fresh),
                    None => None,
                },
                backlog: self.optional(backlog, scope)?,
                with: self.settings(with, scope)?,
            },
            AppVerb::Connect {
                to,
                port,
                data,
                with,
            } => AppVerb::Connect {
                to: self.optional_name(to, scope)?,
                port: self.optional(port, scope)?,
                data: self.optional(data, scope)?,
                with: self.settings(with, scope)?,
            },
            AppVerb::Send {
                count,
                urgent,
                more,
            } => AppVerb::Send {
                count: self.expr(count, scope)?,
                urgent: *urgent,
                more: *more,
            },
            AppVerb::Recv {
                count,
                queued,
                pattern,
            } => AppVerb::Recv {
                count: self.expr(count, scope)?,
                queued: *queued,
                pattern: *pattern,
            },
            AppVerb::Set(setting) => AppVerb::Set(self.setting(setting, scope)?),
            AppVerb::Status { state } => AppVerb::Status {
                state: self.optional_name(state, scope)?,
            },
            verb @ (AppVerb::Accept
            | AppVerb::ReceiveUrgent
            | AppVerb::Close
            | AppVerb::ShutdownRead
            | AppVerb::Release
            | AppVerb::Abort
            | AppVerb::Event) => verb.clone(),
        };
        Ok(AppStep {
            conn: conn.clone(),
            verb,
            expect: self.optional_name(expect, scope)?,
            within: self.optional(within, scope)?,
        })
    }

    fn optional_name(&mut self, name: &Option<Name>, scope: &Scope<'_>) -> Lowered<Option<Name>> {
        name.as_ref().map(|name| self.name(name, scope)).transpose()
    }

    fn settings(&mut self, with: &[SettingValue], scope: &Scope<'_>) -> Lowered<Vec<SettingValue>> {
        with.iter()
            .map(|setting| self.setting(setting, scope))
            .collect()
    }

    fn setting(&mut self, setting: &SettingValue, scope: &Scope<'_>) -> Lowered<SettingValue> {
        Ok(SettingValue {
            name: self.name(&setting.name, scope)?,
            value: self.expr(&setting.value, scope)?,
        })
    }
}
