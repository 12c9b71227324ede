//! The end of a transcript: its last record, the last tool call, the last words.
//!
//! Only the end is ever read, so the first line of it may be torn and its call may lie further up. Unknown
//! types of records are skipped: newer clients have more of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

use super::TEXT_KEPT;
use crate::model::redact::{redact, redact_field};

/// The last record of a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastRecord {
    /// Its type, and its subtype behind a `/`.
    pub kind: String,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Its id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uuid: String,
}

/// A tool call of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// Its arguments, each cut and without its secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, String>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether its result was recorded; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<bool>,
}

/// So many arguments of a call are kept.
const ARGUMENTS: usize = 12;

/// How much of one is kept, in characters.
const ARGUMENT: usize = 300;

impl ToolCall {
    /// One of which only the name is known.
    #[must_use]
    pub fn named(name: &str, at: Timestamp) -> Self {
        Self { name: redact(name, 100), input: BTreeMap::new(), at: Some(at), finished: None }
    }

    fn read(block: &Value, at: Option<Timestamp>, finished: bool) -> Self {
        let input = block["input"].as_object();
        let argument = |(key, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (redact(key, 60), redact_field(key, &text, ARGUMENT))
        };
        Self {
            name: redact(block["name"].as_str().unwrap_or_default(), 100),
            input: input.into_iter().flatten().take(ARGUMENTS).map(argument).collect(),
            at,
            finished: Some(finished),
        }
    }

    /// In one line: the tool, and its arguments.
    #[must_use]
    pub fn line(&self) -> String {
        let parts: Vec<String> = self.input.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let call =
            if parts.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, parts.join("; ")) };
        match self.finished {
            Some(false) => format!("{call}, without a result"),
            _ => call,
        }
    }
}

/// What the end of a transcript tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Its last record.
    pub last: Option<LastRecord>,
    /// The last tool call of the main conversation.
    pub tool: Option<ToolCall>,
    /// The last words of the agent.
    pub said: String,
}

impl Tail {
    /// Reads the end of a transcript.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut results: HashSet<String> = HashSet::new();
        for line in bytes.rsplit(|b| *b == b'\n') {
            let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
            let Some(kind) = value["type"].as_str() else { continue };
            let at = value["timestamp"].as_str().and_then(|text| text.parse().ok());
            if found.last.is_none() {
                let kind = [Some(kind), value["subtype"].as_str()].into_iter().flatten();
                found.last = Some(LastRecord {
                    kind: redact(&kind.collect::<Vec<_>>().join("/"), 100),
                    at,
                    uuid: value["uuid"].as_str().unwrap_or_default().chars().take(64).collect(),
                });
            }
            if value["isSidechain"] == true {
                continue;
            }
            match kind {
                "user" => {
                    let blocks = value.pointer("/message/content").and_then(Value::as_array);
                    let ids = blocks.into_iter().flatten().filter_map(|block| block["tool_use_id"].as_str());
                    results.extend(ids.map(str::to_owned));
                }
                "assistant" => found.of_assistant(&value, at, &results),
                _ => {}
            }
            if found.is_complete() {
                break;
            }
        }
        found
    }

    fn of_assistant(&mut self, value: &Value, at: Option<Timestamp>, results: &HashSet<String>) {
        // The client writes answers of its own making behind a resume and for errors.
        let is_own = value.pointer("/message/model").is_some_and(|model| model == "<synthetic>");
        for block in value.pointer("/message/content").and_then(Value::as_array).into_iter().flatten().rev() {
            match block["type"].as_str() {
                Some("tool_use") if self.tool.is_none() => {
                    let finished = block["id"].as_str().is_some_and(|id| results.contains(id));
                    self.tool = Some(ToolCall::read(block, at, finished));
                }
                Some("text") if self.said.is_empty() && !is_own => {
                    self.said = redact(block["text"].as_str().unwrap_or_default(), TEXT_KEPT);
                }
                _ => {}
            }
        }
    }

    /// Whether a longer piece could tell no more of the last turn.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.last.is_some() && self.tool.is_some() && !self.said.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn transcript(lines: &[Value]) -> Vec<u8> {
        lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }

    fn call(id: &str, input: &Value) -> Value {
        json!({"type": "assistant", "timestamp": "2026-11-22T06:20:02.694Z", "uuid": "u1", "message": {"content": [
            {"type": "tool_use", "id": id, "name": "Bash", "input": input}]}})
    }

    fn result(id: &str) -> Value {
        json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": id, "content": "x"}]}})
    }

    #[test]
    fn the_last_call_and_whether_it_came_back() {
        let said =
            json!({"type": "assistant", "message": {"content": [{"type": "text", "text": "I look.\nNow."}]}});
        let lines =
            [said, call("a", &json!({"command": "ls"})), result("a"), call("b", &json!({"command": "make"}))];
        let tail = Tail::read(&transcript(&lines));
        assert_eq!(tail.tool.as_ref().unwrap().line(), "Bash (command: make), without a result");
        assert_eq!(tail.said, "I look.\\nNow.");
        assert_eq!(tail.last.as_ref().unwrap().kind, "assistant");
        assert!(tail.is_complete());
        let end = json!({"type": "system", "subtype": "turn_duration", "timestamp": "2026-11-22T06:21:00Z"});
        let tail = Tail::read(&transcript(&[call("b", &json!({"command": "make"})), result("b"), end]));
        assert_eq!(tail.tool.as_ref().unwrap().line(), "Bash (command: make)");
        assert_eq!(tail.last.unwrap().kind, "system/turn_duration");
        assert_eq!(tail.said, "");
    }

    #[test]
    fn arguments_are_cut_and_without_secrets() {
        let input = json!({"command": "curl -H 'Authorization: Bearer a.b' https://u:p@h/x", "api_key": "abc def",
            "deep": {"password": "x"}, "long": "é".repeat(900)});
        let tool = Tail::read(&transcript(&[call("a", &input)])).tool.unwrap();
        assert_eq!(tool.input["command"], "curl -H 'Authorization: ***' https://***@h/x");
        assert_eq!(tool.input["api_key"], "***");
        assert_eq!(tool.input["deep"], "{\"password\":\"***\"}");
        assert_eq!(tool.input["long"].chars().count(), ARGUMENT + 1);
        let many: serde_json::Map<String, Value> = (0..40).map(|n| (n.to_string(), n.into())).collect();
        let tool = Tail::read(&transcript(&[call("a", &many.into())])).tool.unwrap();
        assert_eq!(tool.input.len(), ARGUMENTS);
    }

    #[test]
    fn torn_foreign_and_unheard_of_lines_are_skipped() {
        let mut bytes = b"\0\0\0ult\":\"x\"}]}}\n".to_vec();
        bytes.extend(transcript(&[
            call("main", &json!({"command": "ls"})),
            json!({"type": "assistant", "isSidechain": true, "message": {"content": [
                {"type": "tool_use", "id": "s", "name": "Read", "input": {}}]}}),
            json!({"type": "assistant", "message": {"model": "<synthetic>", "content": [
                {"type": "text", "text": "No response requested."}]}}),
            json!({"type": "from-the-future", "message": 7}),
            json!([1]),
        ]));
        bytes.extend(b"{\"type\":\"user\",\"mess");
        let tail = Tail::read(&bytes);
        assert_eq!(tail.tool.as_ref().unwrap().name, "Bash");
        assert_eq!((tail.said.as_str(), tail.last.unwrap().kind.as_str()), ("", "from-the-future"));
        for bytes in [&b""[..], b"\n\n", b"null\n", b"{\"type\":7}\n"] {
            assert_eq!(Tail::read(bytes), Tail::default());
        }
    }
}
