//! A target file on top of a shipped profile.

use super::{Profile, ProfileError};
use toml::{Table, Value};

/// Keys that say which target it is, which no other target shares.
const OWN: [&str; 7] = [
    "name",
    "description",
    "address",
    "exec",
    "transport",
    "agent",
    "profile",
];

impl Profile {
    /// Reads a profile whose `profile = "BASE"` is filled from the base's text: what the file says
    /// stands, tables key by key; expectations of the file come first.
    ///
    /// `table` names the table within a targets.toml.
    ///
    /// # Errors
    /// [`ProfileError`] as [`Profile::from_toml`], for the file's own text; the base's must be right.
    pub fn on_top_of(base: &str, text: &str, table: Option<&str>) -> Result<Self, ProfileError> {
        let read = |text| toml::from_str::<Table>(text).map_err(|e| ProfileError::new(text, &e));
        let mut merged = read(base)?;
        merged.retain(|key, _| OWN.iter().all(|own| key != *own));
        let own = match (read(text)?, table) {
            (mut all, Some(name)) => match all.remove(name) {
                Some(Value::Table(own)) => own,
                _ => Table::new(),
            },
            (own, None) => own,
        };
        merge(&mut merged, own);
        let mut profile = Self::deserialize_table(merged)?;
        if let Some(name) = table {
            name.clone_into(&mut profile.name);
        }
        Ok(profile)
    }

    fn deserialize_table(table: Table) -> Result<Self, ProfileError> {
        table
            .try_into()
            .map_err(|error| ProfileError::new("", &error))
    }
}

fn merge(base: &mut Table, own: Table) {
    for (key, value) in own {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (Some(Value::Array(below)), Value::Array(mut above)) if key == "expect" => {
                above.append(below);
                *below = above;
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
