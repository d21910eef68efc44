//! `${NAME}`, `${NAME:-default}` and `${file:/path}` in texts.
//!
//! What stands in for a `${}` is not looked at again, so that a password may hold any character.

use std::path::Path;

use super::{
    environment::Environment,
    section::{Problem, joined},
    tree::{Node, Shape},
};

/// What texts may refer to.
pub(crate) struct Scope<'a> {
    pub(crate) environment: &'a Environment,
    /// The folder that relative paths are relative to.
    pub(crate) folder: &'a Path,
}

impl Scope<'_> {
    /// Replaces every `${}` of the tree. A text that cannot be completed is told and taken out.
    pub(crate) fn complete(&self, node: &mut Node, path: &str, problems: &mut Vec<Problem>) {
        match &mut node.shape {
            Shape::Nothing => {}
            Shape::Scalar { text, .. } => {
                if !text.contains("${") {
                    return;
                }
                match self.completed(text) {
                    Ok(complete) => *text = complete,
                    Err(reason) => {
                        problems.push(Problem::new(node.origin, path, reason));
                        node.shape = Shape::Nothing;
                    }
                }
            }
            Shape::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.complete(item, &format!("{path}[{index}]"), problems);
                }
            }
            Shape::Table(entries) => {
                for (key, item) in entries {
                    self.complete(item, &joined(path, key), problems);
                }
            }
        }
    }

    fn completed(&self, text: &str) -> Result<String, String> {
        let mut complete = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (reference, behind) =
                after.split_once('}').ok_or_else(|| "a `${` has no closing `}`".to_owned())?;
            complete.push_str(before);
            complete.push_str(&self.meaning(reference)?);
            rest = behind;
        }
        complete.push_str(rest);
        Ok(complete)
    }

    fn meaning(&self, reference: &str) -> Result<String, String> {
        if let Some(path) = reference.strip_prefix("file:") {
            return self.read(path);
        }
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            return Err(format!(
                "`${{{reference}}}` is none of `${{NAME}}`, `${{NAME:-default}}` and `${{file:/path}}`"
            ));
        }
        match (self.environment.get(name), default) {
            (Some(value), None) => Ok(value.to_owned()),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value.to_owned()),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(format!(
                "the environment variable {name} is not set; set it, or write `${{{name}:-default}}`"
            )),
        }
    }

    /// A secret's file without its last line break.
    fn read(&self, path: &str) -> Result<String, String> {
        let content = std::fs::read_to_string(self.folder.join(path))
            .map_err(|error| format!("the file {path} cannot be read: {error}"))?;
        let content = content
            .strip_suffix('\n')
            .map_or(content.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        Ok(content.to_owned())
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), "secret\n").unwrap();
        std::fs::write(folder.path().join("two"), "se\ncret\r\n").unwrap();
        let environment = Environment::of([("SET", "value"), ("EMPTY", ""), ("ODD", "a${SET}}b")]);
        Scope { environment: &environment, folder: folder.path() }.completed(text)
    }

    #[test]
    fn references_are_replaced() {
        for (text, meaning) in [
            ("plain $SET {SET}", "plain $SET {SET}"),
            ("${SET}", "value"),
            ("a${SET}b${SET}c", "avaluebvaluec"),
            ("${SET:-other}", "value"),
            ("${EMPTY}", ""),
            ("${EMPTY:-other}", "other"),
            ("${UNSET:-other}", "other"),
            ("${UNSET:-}", ""),
            ("${ODD}", "a${SET}}b"),
            ("${file:one}", "secret"),
            ("${file:two}", "se\ncret"),
        ] {
            assert_eq!(complete(text).as_deref(), Ok(meaning), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_told() {
        for (text, part) in [
            ("${UNSET}", "variable UNSET is not set"),
            ("${SET", "no closing"),
            ("${}", "is none of"),
            ("${9A}", "is none of"),
            ("${A-B}", "is none of"),
            ("${file:none}", "the file none cannot be read"),
        ] {
            let reason = complete(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
