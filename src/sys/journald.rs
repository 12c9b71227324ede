//! The journal: what was changed, with its session, task and account as fields of their own, so that
//! `journalctl --user CLAUDE_FAILOVER_TASK=app:t` finds it. One datagram an entry by the native protocol; what
//! cannot be sent at once is dropped: a run never waits for the journal, and never fails by it.

use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::paths;

/// The most of one value that is sent, in bytes.
const LONGEST: usize = 8 << 10;

/// Where the journal listens, if it reads what we say. The variable is for tests.
static SOCKET: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    if let Some(path) = paths::var("CLAUDE_FAILOVER_JOURNAL") {
        return Some(path.into());
    }
    let path = PathBuf::from("/run/systemd/journal/socket");
    (is_our_output() && path.exists()).then_some(path)
});

/// Whether our own standard error or output is the journal's. What a service has started later, such as a
/// shell in tmux, still has the variable; it must not count.
fn is_our_output() -> bool {
    let Some(told) = paths::var("JOURNAL_STREAM").and_then(|v| v.into_string().ok()) else { return false };
    let is = |fd: &str| {
        std::fs::metadata(format!("/proc/self/fd/{fd}")).is_ok_and(|m| told == format!("{}:{}", m.dev(), m.ino()))
    };
    is("2") || is("1")
}

/// Whether notes go to the journal.
#[must_use]
pub fn is_on() -> bool {
    SOCKET.is_some()
}

/// Tells the journal of a line of the log.
pub fn note(entry: &Value) {
    let Some(path) = SOCKET.as_ref() else { return };
    let send = || -> std::io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(&datagram(&fields(entry)), path).map(drop)
    };
    let _ = send();
}

/// The fields of an entry: a sentence for people, and each part by itself.
fn fields(entry: &Value) -> Vec<(String, String)> {
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let subject = ["session", "task", "account", "project"].into_iter().map(text).find(|t| !t.is_empty());
    let subject = subject.map(|s| format!(" `{s}`")).unwrap_or_default();
    let command = text("command");
    let is_guard = !entry["guard"].is_null();
    let mut fields = vec![
        ("MESSAGE".to_owned(), format!("{command}: {}{subject} ({})", text("what"), text("why"))),
        // What the guard stops is worth a look.
        ("PRIORITY".to_owned(), if is_guard { "5" } else { "6" }.to_owned()),
        ("SYSLOG_IDENTIFIER".to_owned(), format!("claude-failover-{}", command.replace(' ', "-"))),
    ];
    let invocation = paths::var("INVOCATION_ID").and_then(|v| v.into_string().ok());
    fields.extend(invocation.map(|id| ("CLAUDE_FAILOVER_INVOCATION".to_owned(), id)));
    for key in ["command", "what", "why", "session", "task", "account", "project"] {
        if !text(key).is_empty() {
            fields.push((format!("CLAUDE_FAILOVER_{}", key.to_uppercase()), text(key).to_owned()));
        }
    }
    for rule in entry["guard"]["rules"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        fields.push(("CLAUDE_FAILOVER_RULE".to_owned(), rule.to_owned()));
    }
    fields
}

/// The native protocol: `KEY=value` lines, or for a value with a line break its length in front.
fn datagram(fields: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in fields {
        let end = (0..=value.len().min(LONGEST)).rev().find(|n| value.is_char_boundary(*n)).unwrap_or(0);
        let value = &value[..end];
        bytes.extend_from_slice(key.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_becomes_fields() {
        let entry = json!({"command": "account add", "what": "made", "why": "a\nb", "account": "main"});
        let bytes = datagram(&fields(&entry));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("SYSLOG_IDENTIFIER=claude-failover-account-add\n"), "{text}");
        assert!(text.contains("CLAUDE_FAILOVER_ACCOUNT=main\n") && text.contains("PRIORITY=6\n"), "{text}");
        let message = b"account add: made `main` (a\nb)";
        let want = [&b"MESSAGE\n"[..], &(message.len() as u64).to_le_bytes(), message, b"\n"].concat();
        assert_eq!(bytes[..want.len()], want);
        let guard = json!({"command": "guard", "what": "blocked", "why": "w", "guard": {"rules": ["a", "b"]}});
        let text = String::from_utf8_lossy(&datagram(&fields(&guard))).into_owned();
        assert!(text.contains("CLAUDE_FAILOVER_RULE=a\nCLAUDE_FAILOVER_RULE=b\n") && text.contains("PRIORITY=5"));
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        let bytes = datagram(&[("K".into(), format!("x{}", "é".repeat(9000)))]);
        assert!(bytes.len() <= LONGEST + 4);
        assert!(std::str::from_utf8(&bytes).is_ok());
    }
}
