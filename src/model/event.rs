//! What the client reports about itself: hook events, folded into a digest, and its state file.
//!
//! Events are evidence: the file that holds them is appended without fsync, and lines that do not
//! parse are skipped. The digest is kept in the session's record, with the offset up to which the
//! file was read, so a look at a quiet session opens nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of `events/<session>.jsonl`: the few fields of a hook's input that we use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// When our hook ran.
    pub at: Option<Timestamp>,
    /// `hook_event_name`.
    pub event: String,
    /// The conversation (`session_id`).
    pub conversation: String,
    /// Where the client keeps the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// Set inside a subagent, whose events say nothing about the session's own state.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub subagent: bool,
    /// `source` of `SessionStart`, `reason` of `SessionEnd`, `notification_type`, `tool_name`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// The start of the prompt, of the last message or of the error text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// `error` of `StopFailure`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Background tasks and scheduled wake-ups that a `Stop` leaves behind.
    #[serde(skip_serializing_if = "is_zero")]
    pub running: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Whether a text is the id of a conversation, as the client makes them: a UUID with its dashes, and nothing else.
#[must_use]
pub fn is_conversation(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// How much of a prompt or a message is kept, in characters: enough for a task's token.
pub const TEXT_KEPT: usize = 400;

fn cut(text: &str) -> String {
    text.chars().take(TEXT_KEPT).collect()
}

impl Event {
    /// Takes what we use from a hook's input; unknown shapes give an event without a name.
    #[must_use]
    pub fn from_hook(input: &Value, at: Timestamp) -> Self {
        let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
        let count = |key: &str| input.get(key).and_then(Value::as_array).map_or(0, Vec::len);
        let event = text("hook_event_name").to_owned();
        let what = match event.as_str() {
            "SessionStart" => text("source"),
            "SessionEnd" => text("reason"),
            "Notification" => text("notification_type"),
            _ => text("tool_name"),
        };
        let said = match event.as_str() {
            "UserPromptSubmit" => text("prompt"),
            "Notification" => text("message"),
            _ => text("last_assistant_message"),
        };
        Self {
            at: Some(at),
            conversation: text("session_id").to_owned(),
            transcript: input.get("transcript_path").and_then(Value::as_str).map(str::to_owned),
            subagent: input.get("agent_id").is_some_and(|v| !v.is_null()),
            what: cut(what),
            text: cut(said),
            error: cut(text("error")),
            running: count("background_tasks") + count("session_crons"),
            event: cut(&event),
        }
    }

    /// Whether somebody should look at once; the heartbeats between need no run of their own.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !self.subagent
            && matches!(
                self.event.as_str(),
                "SessionStart"
                    | "SessionEnd"
                    | "Stop"
                    | "StopFailure"
                    | "UserPromptSubmit"
                    | "PermissionRequest"
                    | "Notification"
            )
    }
}

/// The newest event of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// Its place among all events of the session: what came after what is decided by this, since a
    /// clock may be set back between two events.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Its `text`, cut.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Its `what` or `error`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// Its `running`.
    #[serde(skip_serializing_if = "is_zero")]
    pub running: usize,
}

/// What all events so far come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// Events that are folded in, over all files.
    pub count: u64,
    /// The event file that was read last, by its inode.
    pub file: u64,
    /// Bytes of it that are folded in.
    pub offset: u64,
    /// The newest event of any kind, subagents included: a sign of life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// The conversation that the client last started or continued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Where the client keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// `SessionStart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Seen>,
    /// `UserPromptSubmit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Seen>,
    /// `Stop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Seen>,
    /// `StopFailure`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Seen>,
    /// `PermissionRequest`, until a tool has run or a prompt has come since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Seen>,
    /// `SessionEnd`, until the next start. Reasons `clear` and `resume` are no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Seen>,
    /// The last tool that began or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<Seen>,
}

impl Digest {
    /// Folds one event in.
    pub fn fold(&mut self, event: &Event) {
        let Some(at) = event.at else { return };
        self.count += 1;
        // A clock that went back must not make the newest event look old for ever.
        self.last = Some(at);
        if event.subagent {
            return;
        }
        let what = if event.error.is_empty() { &event.what } else { &event.error };
        let seen =
            Seen { seq: self.count, at, text: event.text.clone(), what: what.clone(), running: event.running };
        if event.transcript.is_some() {
            self.transcript.clone_from(&event.transcript);
        }
        match event.event.as_str() {
            "SessionStart" => {
                // It becomes part of a path and an argument of the client, and the file is the agents' to write.
                self.conversation = Some(event.conversation.clone()).filter(|c| is_conversation(c));
                self.end = None;
                self.permission = None;
                self.start = Some(seen);
            }
            "UserPromptSubmit" => {
                self.permission = None;
                self.prompt = Some(seen);
            }
            "Stop" => {
                self.permission = None;
                self.stop = Some(seen);
            }
            "StopFailure" => {
                self.permission = None;
                self.failure = Some(seen);
            }
            "PermissionRequest" => self.permission = Some(seen),
            "PreToolUse" => self.tool = Some(seen),
            "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" => {
                self.permission = None;
                self.tool = Some(seen);
            }
            "SessionEnd" if seen.what != "clear" && seen.what != "resume" => self.end = Some(seen),
            _ => {}
        }
    }

    /// The failure that ended the newest turn, if nothing has happened since.
    #[must_use]
    pub fn open_failure(&self) -> Option<&Seen> {
        let failure = self.failure.as_ref()?;
        let later = |s: &Option<Seen>| s.as_ref().is_some_and(|s| s.seq > failure.seq);
        (!later(&self.prompt) && !later(&self.stop)).then_some(failure)
    }
}

/// The client's own state file, `sessions/<pid>.json` in its account's home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFile {
    /// Its process.
    pub pid: i32,
    /// Start of that process, in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start: u64,
    /// Its conversation.
    pub conversation: String,
    /// What it says it does.
    pub status: ClientStatus,
    /// What it waits for, when it waits.
    pub waiting_for: String,
    /// When the status last changed.
    pub status_since: Option<Timestamp>,
    /// When the file was last written.
    pub updated: Option<Timestamp>,
}

/// The words of the state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStatus {
    /// Waits for a prompt.
    Idle,
    /// A turn runs.
    Busy,
    /// A dialog is open.
    Waiting,
    /// Waits for a prompt while shells run in the background.
    Shell,
    /// A word that we do not know.
    Other,
}

impl ClientFile {
    /// Reads the file; anything that is not of its shape is `None`, which means unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let v: Value = serde_json::from_str(text).ok()?;
        let word = |key: &str| v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let time = |key: &str| Timestamp::from_millisecond(v.get(key)?.as_i64()?).ok();
        Some(Self {
            pid: i32::try_from(v.get("pid")?.as_i64()?).ok()?,
            start: match v.get("procStart")? {
                Value::String(s) => s.parse().ok()?,
                n => n.as_u64()?,
            },
            conversation: word("sessionId"),
            status: match v.get("status")?.as_str()? {
                "idle" => ClientStatus::Idle,
                "busy" => ClientStatus::Busy,
                "waiting" => ClientStatus::Waiting,
                "shell" => ClientStatus::Shell,
                _ => ClientStatus::Other,
            },
            waiting_for: word("waitingFor"),
            status_since: time("statusUpdatedAt"),
            updated: time("updatedAt"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "0f8fad5b-d9cb-469f-a165-70867728950a";
    const B: &str = "0f8fad5b-d9cb-469f-a165-70867728950b";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn folded(events: &[Value]) -> Digest {
        let mut digest = Digest::default();
        for (n, event) in events.iter().enumerate() {
            digest.fold(&Event::from_hook(event, at(n as i64)));
        }
        digest
    }

    #[test]
    fn a_limit_is_a_failed_turn_with_the_stable_words() {
        let limit = json!({"hook_event_name":"StopFailure","error":"rate_limit",
            "last_assistant_message":"You've hit your session limit · resets 9am (UTC)"});
        let plain = json!({"hook_event_name":"StopFailure","error":"rate_limit",
            "last_assistant_message":"API Error: Server is temporarily limiting requests (not your usage limit)"});
        let is_limit = |f: &Seen| {
            matches!(crate::model::signals::failure::read(f), crate::model::signals::failure::Failure::Limit(_))
        };
        assert!(is_limit(folded(std::slice::from_ref(&limit)).open_failure().unwrap()));
        assert!(!is_limit(folded(&[plain]).open_failure().unwrap()));
        let prompt = json!({"hook_event_name":"UserPromptSubmit","prompt":"go on"});
        assert_eq!(folded(&[limit, prompt]).open_failure(), None);
    }

    #[test]
    fn subagents_are_only_a_sign_of_life() {
        let digest = folded(&[json!({"hook_event_name":"Stop","agent_id":"a1"})]);
        assert_eq!((digest.stop, digest.last), (None, Some(at(0))));
    }

    #[test]
    fn an_answered_permission_is_gone() {
        let ask = json!({"hook_event_name":"PermissionRequest","tool_name":"Bash"});
        assert!(folded(std::slice::from_ref(&ask)).permission.is_some());
        assert!(folded(&[ask, json!({"hook_event_name":"PostToolUse","tool_name":"Bash"})]).permission.is_none());
    }

    #[test]
    fn clear_is_no_end_and_changes_the_conversation() {
        let digest = folded(&[
            json!({"hook_event_name":"SessionStart","source":"startup","session_id":A}),
            json!({"hook_event_name":"SessionEnd","reason":"clear","session_id":A}),
            json!({"hook_event_name":"SessionStart","source":"clear","session_id":B}),
        ]);
        assert_eq!((digest.end, digest.conversation.as_deref()), (None, Some(B)));
    }

    #[test]
    fn what_is_no_id_is_no_conversation() {
        for text in ["", "b", "../../x", "--help", &A.replace('-', ""), &format!("{{{A}}}"), &format!("{A}x")] {
            let start = json!({"hook_event_name":"SessionStart","source":"startup","session_id":text});
            assert_eq!(folded(&[start]).conversation, None, "{text}");
        }
    }

    #[test]
    fn what_a_stop_leaves_running_is_counted() {
        let digest = folded(&[json!({"hook_event_name":"Stop","background_tasks":[{},{}],"session_crons":[{}]})]);
        assert_eq!(digest.stop.unwrap().running, 3);
    }

    #[test]
    fn the_state_file_of_both_client_versions_is_read() {
        let old = r#"{"pid":10226,"sessionId":"a662","cwd":"/srv/app","startedAt":1795328287563,"procStart":"136571",
            "version":"2.1.197","kind":"interactive","status":"idle","updatedAt":1795328287472,"statusUpdatedAt":1795328287472}"#;
        let file = ClientFile::parse(old).unwrap();
        assert_eq!((file.pid, file.start, file.status), (10226, 136_571, ClientStatus::Idle));
        let new = r#"{"pid":1,"procStart":2,"status":"waiting","waitingFor":"goal proposal","peerProtocol":1}"#;
        assert_eq!(ClientFile::parse(new).unwrap().waiting_for, "goal proposal");
        for bad in
            ["", "{", "null", "{}", r#"{"pid":1,"procStart":"x","status":"idle"}"#, r#"{"pid":1,"procStart":"1"}"#]
        {
            assert_eq!(ClientFile::parse(bad), None, "{bad}");
        }
    }
}
