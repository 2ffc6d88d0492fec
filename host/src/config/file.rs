//! Settings from a TOML file, strictly: what is not a setting is an error.
//!
//! Must never read a file by itself.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Given, Origin, find, unknown};

/// Takes the values of a file's text; problems name the file.
pub(super) fn read(
    path: &Path,
    text: &str,
    values: &mut BTreeMap<&'static str, Given>,
    problems: &mut Vec<String>,
) {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            problems.push(format!(
                "{}: {}",
                path.display(),
                error.to_string().trim_end()
            ));
            return;
        }
    };
    let origin = Origin::File(path.to_path_buf());
    let mut tables = vec![(String::new(), table)];
    while let Some((prefix, table)) = tables.pop() {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            match (find(&name), value) {
                (None, toml::Value::Table(inner)) => tables.push((format!("{name}."), inner)),
                (None, _) => problems.push(unknown(&name, &origin)),
                (Some(setting), value) => match plain(&value) {
                    Some(text) => {
                        values.insert(
                            setting.name,
                            Given {
                                text,
                                origin: origin.clone(),
                            },
                        );
                    }
                    None => problems.push(format!(
                        "{name} ({origin}) should be a text, a number or a list of texts"
                    )),
                },
            }
        }
    }
}

/// A TOML value as the text that the environment would have.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(|words| words.join(",")),
        _ => None,
    }
}
