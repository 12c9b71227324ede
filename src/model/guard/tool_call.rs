//! A tool call as the client hands it to a hook: what of it is to be judged.
//!
//! The JSON is never built as a tree: a `Write` may carry megabytes that are not judged. Only the fields
//! that are asked for are kept; everything else is skipped, however large or deep it is.

mod fields;
mod unknown;

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use fields::{Field, Fields, Shape};

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool's name.
    pub tool: String,
    /// The directory that relative paths start from, absolute.
    pub cwd: PathBuf,
    /// What is to be judged; nothing for a tool that only reads.
    pub asks: Vec<Ask>,
}

/// One thing to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Shell text.
    Shell(String),
    /// A file that the tool would write.
    Write(String),
}

impl Ask {
    /// The command or the path.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Ask::Shell(text) | Ask::Write(text) => text,
        }
    }
}

/// Why the input is not what a hook is given. Holds nothing of the input's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct Payload {
    tool_name: String,
    cwd: String,
    tool_input: Fields,
}

/// Tools that only read, whatever their fields are called.
const READERS: [&str; 5] = ["Read", "Grep", "Glob", "LS", "NotebookRead"];

/// Reads the hook's input.
///
/// # Errors
/// If it is anything but a whole JSON object with a tool's name, its input and an absolute directory.
pub fn read(bytes: &[u8]) -> Result<ToolCall, Unreadable> {
    let wrong = |text: &str| Err(Unreadable(text.to_owned()));
    let Ok(text) = std::str::from_utf8(bytes) else { return wrong("the input is not UTF-8") };
    match text.trim_ascii_start().bytes().next() {
        None => return wrong("the input is empty"),
        // serde would take a list for an object.
        Some(first) if first != b'{' => return wrong("the input is not a JSON object"),
        Some(_) => {}
    }
    let payload: Payload = serde_json::from_str(text).map_err(|e| why(&e))?;
    if payload.cwd.contains('\0') || payload.tool_name.contains('\0') {
        return wrong("a NUL in a name");
    }
    let cwd = PathBuf::from(&payload.cwd);
    if !cwd.is_absolute() {
        return wrong("`cwd` is not an absolute path");
    }
    let asks = asks(&payload.tool_name, &payload.tool_input.0)?;
    if asks.iter().any(|ask| ask.text().contains('\0')) {
        return wrong("a NUL in a command or path");
    }
    Ok(ToolCall { tool: payload.tool_name, cwd, asks })
}

fn why(e: &serde_json::Error) -> Unreadable {
    let text = e.to_string();
    let (line, column) = (e.line(), e.column());
    Unreadable(if e.is_eof() {
        "the input is cut off".to_owned()
    } else if e.is_syntax() {
        format!("the input is not valid JSON (line {line}, column {column})")
    } else if text.starts_with("missing field") || text.starts_with("duplicate field") {
        // These name the field and nothing else.
        text.split(" at line ").next().unwrap_or_default().to_owned()
    } else {
        format!("a field has the wrong type (line {line}, column {column})")
    })
}

fn asks(tool: &str, fields: &[Field]) -> Result<Vec<Ask>, Unreadable> {
    match tool {
        "Bash" => Ok(vec![Ask::Shell(text(fields, "command")?)]),
        // A socket that is listened to has no command.
        "Monitor" if !has(fields, "command") && has(fields, "ws") => Ok(Vec::new()),
        "Monitor" => Ok(vec![Ask::Shell(text(fields, "command")?)]),
        "Write" | "Edit" | "MultiEdit" => Ok(vec![Ask::Write(text(fields, "file_path")?)]),
        "NotebookEdit" => Ok(vec![Ask::Write(text(fields, "notebook_path")?)]),
        _ if READERS.contains(&tool) => Ok(Vec::new()),
        _ => Ok(unknown::asks(tool, fields)),
    }
}

fn has(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|f| f.name == name)
}

fn text(fields: &[Field], name: &str) -> Result<String, Unreadable> {
    match fields.iter().find(|f| f.name == name).map(|f| &f.shape) {
        Some(Shape::Text(text)) => Ok(text.clone()),
        Some(_) => Err(Unreadable(format!("`{name}` is not a string"))),
        None => Err(Unreadable(format!("missing field `{name}`"))),
    }
}

#[cfg(test)]
mod tests;
