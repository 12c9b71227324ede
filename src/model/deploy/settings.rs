//! A settings file as text: our entry put into it and taken out, everything else left as it stands.
//!
//! What the client does with such a file was measured: a comment, a comma too many, a group without its
//! hooks or a hook of no known type makes it drop the *whole* file, and our entry with it. Such a file is
//! refused, never repaired. A byte order mark is passed over; of a key that stands twice the last one counts.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::Value;

use super::entry;

/// Why a settings file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The line, from 1, where one is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl Unusable {
    fn new(what: impl Into<String>) -> Self {
        Self { line: None, what: what.into() }
    }

    /// The message, with `FILE:LINE` as editors read it.
    #[must_use]
    pub fn at(&self, file: &str) -> String {
        match self.line {
            Some(line) => format!("{}: `{file}:{line}`", self.what),
            None => format!("{}: `{file}`", self.what),
        }
    }
}

/// The mark that some editors put in front.
const BOM: char = '\u{feff}';

/// The types of hooks that the client knows.
const TYPES: [&str; 5] = ["command", "prompt", "http", "mcp_tool", "agent"];

/// Reads a settings file as the client would.
///
/// # Errors
/// Where it would not take the file.
pub fn read(text: &str) -> Result<Value, Unusable> {
    let text = text.trim_start_matches(BOM);
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|e| Unusable { line: Some(e.line()), what: format!("not JSON as the client takes it: {e}") })?;
    if !value.is_object() {
        return Err(Unusable { line: Some(1), what: "not a JSON object".to_owned() });
    }
    check_hooks(&value)?;
    Ok(value)
}

/// Refuses what makes the client drop the file: hooks of another shape than it knows.
fn check_hooks(value: &Value) -> Result<(), Unusable> {
    let events = match value.get("hooks") {
        None => return Ok(()),
        Some(Value::Object(events)) => events,
        Some(_) => return Err(Unusable::new("`hooks` is not an object")),
    };
    for (event, groups) in events {
        let Some(groups) = groups.as_array() else {
            return Err(Unusable::new(format!("`hooks.{event}` is not a list")));
        };
        for (n, group) in groups.iter().enumerate() {
            let Some(hooks) = group["hooks"].as_array() else {
                return Err(Unusable::new(format!(
                    "`hooks.{event}[{n}]` has no list `hooks`, and the client drops the whole file"
                )));
            };
            if !group.get("matcher").is_none_or(Value::is_string) {
                return Err(Unusable::new(format!(
                    "`hooks.{event}[{n}].matcher` is not text, and the client drops the whole file"
                )));
            }
            for hook in hooks {
                let known = hook["type"].as_str().is_some_and(|t| TYPES.contains(&t));
                let runs = hook["type"] != "command" || hook["command"].is_string();
                let fails = hook.get("onFailure").is_none_or(|v| v == "block");
                if !(known && runs && fails) {
                    return Err(Unusable::new(format!(
                        "`hooks.{event}[{n}]` has a hook that the client does not know, and it drops the whole file"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// The command lines of our entries before a tool call, in order.
#[must_use]
pub fn ours(settings: &Value) -> Vec<String> {
    groups(settings)
        .flat_map(|group| group["hooks"].as_array().into_iter().flatten())
        .filter(|hook| entry::is_ours(hook))
        .filter_map(|hook| hook["command"].as_str().map(str::to_owned))
        .collect()
}

/// Whether exactly the entry of this command line is there, and no other of ours.
#[must_use]
pub fn holds(settings: &Value, command: &str) -> bool {
    let wanted = entry::group(command);
    ours(settings).len() == 1 && groups(settings).any(|group| *group == wanted)
}

fn groups(settings: &Value) -> impl Iterator<Item = &Value> {
    settings["hooks"]["PreToolUse"].as_array().into_iter().flatten()
}

/// The text with our entry in it, once; every other byte as it was. The same text if it is there already.
///
/// # Errors
/// If the client would not take the file, or it holds what cannot be edited without guessing.
pub fn with(text: &str, command: &str) -> Result<String, Unusable> {
    let value = read(text)?;
    if holds(&value, command) {
        return Ok(text.to_owned());
    }
    let wanted = entry::group(command);
    if text.trim_start_matches(BOM).trim().is_empty() {
        let whole = serde_json::json!({ "hooks": { "PreToolUse": [wanted] } });
        return Ok(format!("{whole:#}\n"));
    }
    let edited = edit(text, |root| {
        let hooks = match unique(root, "hooks")? {
            Some(_) => root.object_value("hooks").ok_or_else(|| Unusable::new("`hooks` is not an object"))?,
            None => {
                root.append(
                    "hooks",
                    CstInputValue::Object(vec![(
                        "PreToolUse".to_owned(),
                        input(&Value::Array(vec![wanted.clone()])),
                    )]),
                );
                return Ok(());
            }
        };
        let list = match unique(&hooks, "PreToolUse")? {
            Some(_) => {
                hooks.array_value("PreToolUse").ok_or_else(|| Unusable::new("`hooks.PreToolUse` is not a list"))?
            }
            None => {
                hooks.append("PreToolUse", input(&Value::Array(vec![wanted.clone()])));
                return Ok(());
            }
        };
        take_out(&list, Some(&wanted));
        Ok(())
    })?;
    check(&value, &edited, |after| holds(after, command))?;
    Ok(edited)
}

/// The text without any entry of ours; every other byte as it was. Lists and objects that are empty then go
/// too, up to `hooks`.
///
/// # Errors
/// If the client would not take the file.
pub fn without(text: &str) -> Result<String, Unusable> {
    let value = read(text)?;
    if ours(&value).is_empty() {
        return Ok(text.to_owned());
    }
    let edited = edit(text, |root| {
        let Some(hooks) = unique(root, "hooks")?.and_then(|_| root.object_value("hooks")) else { return Ok(()) };
        let Some(list) = unique(&hooks, "PreToolUse")?.and_then(|_| hooks.array_value("PreToolUse")) else {
            return Ok(());
        };
        take_out(&list, None);
        if list.elements().is_empty()
            && let Some(property) = hooks.get("PreToolUse")
        {
            property.remove();
        }
        if hooks.properties().is_empty()
            && let Some(property) = root.get("hooks")
        {
            property.remove();
        }
        Ok(())
    })?;
    check(&value, &edited, |after| ours(after).is_empty())?;
    Ok(edited)
}

/// Whether nothing is left in a file that we made.
#[must_use]
pub fn is_empty(text: &str) -> bool {
    read(text).is_ok_and(|value| value.as_object().is_some_and(serde_json::Map::is_empty))
}

/// Takes our hooks out of the list; puts the wanted group where the first of them stood, else at the end.
fn take_out(list: &CstArray, wanted: Option<&Value>) {
    let mut at = None;
    for (n, group) in list.elements().into_iter().enumerate() {
        let Some(hooks) = group.as_object().and_then(|o| o.array_value("hooks")) else { continue };
        let (ours, others): (Vec<CstNode>, Vec<CstNode>) =
            hooks.elements().into_iter().partition(|hook| value_of(hook).is_some_and(|v| entry::is_ours(&v)));
        if ours.is_empty() {
            continue;
        }
        if others.is_empty() {
            at.get_or_insert((n, group));
            continue;
        }
        ours.into_iter().for_each(CstNode::remove);
    }
    // What is ours alone goes as a whole, the first of it last: its place is wanted.
    let alone: Vec<CstNode> = list
        .elements()
        .into_iter()
        .filter(|group| {
            let hooks = group.as_object().and_then(|o| o.array_value("hooks"));
            let all = hooks.map(|h| h.elements()).unwrap_or_default();
            !all.is_empty() && all.iter().all(|hook| value_of(hook).is_some_and(|v| entry::is_ours(&v)))
        })
        .collect();
    match (wanted, at) {
        (Some(wanted), Some((n, _))) => {
            for group in alone.into_iter().skip(1) {
                group.remove();
            }
            if let Some(old) = list.elements().into_iter().nth(n) {
                old.remove();
            }
            list.insert(n, input(wanted));
        }
        (Some(wanted), None) => drop(list.append(input(wanted))),
        (None, _) => alone.into_iter().for_each(CstNode::remove),
    }
}

/// The property of that name. Of a key that stands twice the client takes the last, an editor the first.
fn unique(object: &CstObject, name: &str) -> Result<Option<()>, Unusable> {
    let named = object.properties().into_iter().filter(|p| p.decoded_name().as_deref() == Some(name)).count();
    match named {
        0 => Ok(None),
        1 => Ok(Some(())),
        _ => Err(Unusable::new(format!("the key `{name}` stands {named} times"))),
    }
}

/// Strict: only what the client takes as well.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn edit(text: &str, change: impl FnOnce(&CstObject) -> Result<(), Unusable>) -> Result<String, Unusable> {
    let (bom, plain) = match text.strip_prefix(BOM) {
        Some(plain) => ("\u{feff}", plain),
        None => ("", text),
    };
    // The root must outlive every node of it.
    let root = CstRootNode::parse(plain, &STRICT).map_err(|e| Unusable {
        line: Some(e.line_display()),
        what: format!("not JSON as the client takes it: {}", e.kind()),
    })?;
    let object = root.object_value().ok_or_else(|| Unusable::new("not a JSON object"))?;
    change(&object)?;
    Ok(format!("{bom}{root}"))
}

/// An edit that changed anything but our entry is not written.
fn check(before: &Value, edited: &str, holds: impl FnOnce(&Value) -> bool) -> Result<(), Unusable> {
    let after = read(edited)?;
    if !holds(&after) || stripped(before) != stripped(&after) {
        return Err(Unusable::new("it cannot be edited without changing something else"));
    }
    Ok(())
}

/// A settings value without our entries, and without what is empty then.
fn stripped(value: &Value) -> Value {
    let mut value = value.clone();
    let mut drop_hooks = false;
    if let Some(hooks) = value.get_mut("hooks").and_then(Value::as_object_mut) {
        if let Some(list) = hooks.get_mut("PreToolUse").and_then(Value::as_array_mut) {
            for group in list.iter_mut() {
                if let Some(hooks) = group.get_mut("hooks").and_then(Value::as_array_mut) {
                    hooks.retain(|hook| !entry::is_ours(hook));
                }
            }
            list.retain(|group| !group["hooks"].as_array().is_some_and(Vec::is_empty));
            if list.is_empty() {
                hooks.remove("PreToolUse");
            }
        }
        drop_hooks = hooks.is_empty();
    }
    if drop_hooks && let Some(root) = value.as_object_mut() {
        root.remove("hooks");
    }
    value
}

fn value_of(node: &CstNode) -> Option<Value> {
    serde_json::from_str(&node.to_string()).ok()
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(b) => CstInputValue::Bool(*b),
        Value::Number(n) => CstInputValue::Number(n.to_string()),
        Value::String(s) => CstInputValue::String(s.clone()),
        Value::Array(list) => CstInputValue::Array(list.iter().map(input).collect()),
        Value::Object(map) => CstInputValue::Object(map.iter().map(|(k, v)| (k.clone(), input(v))).collect()),
    }
}

#[cfg(test)]
mod tests;
