//! How a text of the machine is written into a unit file: `%` and `$` mean something there, a space parts words.

use std::fmt;

/// A text that a unit file or a crontab cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(String);

impl Unfit {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a unit file or crontab cannot hold this: `{}`", crate::model::name::shown(&self.0))
    }
}

impl std::error::Error for Unfit {}

fn checked(text: &str) -> Result<&str, Unfit> {
    // A line break would begin a setting of its own; of the others nobody needs to know what systemd does.
    let bad = |c: char| c.is_control() || c == '\\';
    if text.is_empty() || text.contains(bad) { Err(Unfit(text.to_owned())) } else { Ok(text) }
}

/// One word of a command line.
pub(super) fn word(text: &str) -> Result<String, Unfit> {
    if text == ";" {
        // Alone it would begin a second command.
        return Ok("\\;".to_owned());
    }
    let text = checked(text)?.replace('%', "%%").replace('$', "$$");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%$~".contains(c);
    Ok(if text.chars().all(is_plain) { text } else { format!("\"{}\"", text.replace('"', "\\\"")) })
}

/// A command line. Its first word is a program: a `-`, `@`, `+` or `!` in front would be read as a flag.
pub(super) fn words<'a>(all: impl IntoIterator<Item = &'a str>) -> Result<String, Unfit> {
    let mut all = all.into_iter();
    let program = all.next().unwrap_or_default();
    // And a program is never expanded: `$` stands for itself there and cannot be written.
    if !program.starts_with('/') || program.contains('$') {
        return Err(Unfit(program.to_owned()));
    }
    let mut line = word(program)?;
    for next in all {
        line.push(' ');
        line.push_str(&word(next)?);
    }
    Ok(line)
}

/// A path that is the whole of a setting: no quotes there, and blanks at its ends would be lost.
pub(super) fn path(text: &str) -> Result<String, Unfit> {
    let text = checked(text)?;
    if !text.starts_with('/') || text.trim() != text {
        return Err(Unfit(text.to_owned()));
    }
    Ok(text.replace('%', "%%"))
}

/// A variable of the environment with its value.
pub(super) fn assigned(name: &str, value: &str) -> Result<String, Unfit> {
    let value = checked(value)?.replace('%', "%%");
    Ok(format!("\"{name}={}\"", value.replace('"', "\\\"")))
}

/// The name of a user.
pub(super) fn user(name: &str) -> Result<&str, Unfit> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = name.chars().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if is_name { Ok(name) } else { Err(Unfit(name.to_owned())) }
}
