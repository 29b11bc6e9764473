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
            AppVerb::Listen { backlog, with } => AppVerb::Listen {
                backlog: self.optional(backlog, scope)?,
                with: self.settings(with, scope)?,
            },
            AppVerb::Connect { port, data, with } => AppVerb::Connect {
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
            AppVerb::Recv { count, pattern } => AppVerb::Recv {
                count: self.expr(count, scope)?,
                pattern: *pattern,
            },
            AppVerb::Set(setting) => AppVerb::Set(self.setting(setting, scope)?),
            verb @ (AppVerb::Accept
            | AppVerb::ReceiveUrgent
            | AppVerb::Close
            | AppVerb::ShutdownRead
            | AppVerb::Release
            | AppVerb::Abort
            | AppVerb::Status
            | AppVerb::Event) => verb.clone(),
        };
        let expect = match expect {
            Some(name) => Some(self.name(name, scope)?),
            None => None,
        };
        Ok(AppStep {
            conn: conn.clone(),
            verb,
            expect,
            within: self.optional(within, scope)?,
        })
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
