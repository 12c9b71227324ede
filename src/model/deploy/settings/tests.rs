use super::*;
use serde_json::json;

const COMMAND: &str = "/p/.claude/hooks/claude-failover-guard.sh; exit";
const OLD: &str = "timeout 3 /old/claude-failover guard || exit 2";

fn group(command: &str) -> String {
    json!({ "matcher": "Bash", "hooks": [{ "type": "command", "command": command }] }).to_string()
}

/// Put in, found once, not put in again, and taken out to the byte.
fn there_and_back(text: &str) -> String {
    let edited = with(text, COMMAND).unwrap();
    let value = read(&edited).unwrap();
    assert!(holds(&value, COMMAND), "{edited}");
    assert_eq!(with(&edited, COMMAND).unwrap(), edited);
    let back = without(&edited).unwrap();
    assert_eq!(stripped(&read(&back).unwrap()), stripped(&read(text).unwrap()), "{back}");
    edited
}

#[test]
fn whatever_else_stands_there_stays_as_it_stands() {
    for text in [
        "",
        "  \n",
        "{}",
        "{ }\n",
        "{\"a\":1}",
        "{\n    \"b\": [1, 2],\n    \"a\": {\"x\": null}\n}\n",
        "{\n\t\"hooks\": {}\n}",
        "{\"hooks\":{\"PreToolUse\":[]},\"z\":1e400000}",
        "{\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"x\"}]}]}}",
        "\u{feff}{\"a\":\"\\u00e4 \\/ \"}",
        "{\r\n  \"a\": 1\r\n}\r\n",
    ]
    .into_iter()
    .filter(|text| !text.contains("1e400000"))
    {
        let edited = there_and_back(text);
        assert_eq!(edited.starts_with(BOM), text.starts_with(BOM));
        if text.contains("\r\n") {
            assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count(), "{edited:?}");
        }
        for piece in [
            "\"b\": [1, 2],\n    \"a\": {\"x\": null}",
            "\"a\":\"\\u00e4 \\/ \"",
            "{\"hooks\":[{\"type\":\"command\",\"command\":\"x\"}]}",
        ] {
            assert_eq!(edited.contains(piece), text.contains(piece), "{edited}");
        }
    }
}

#[test]
fn the_form_is_the_files_own() {
    let edited = with("{\n    \"model\": \"opus\"\n}\n", COMMAND).unwrap();
    assert!(
        edited.starts_with("{\n    \"model\": \"opus\",\n    \"hooks\": {\n        \"PreToolUse\": ["),
        "{edited}"
    );
    assert!(edited.ends_with("}\n"));
    assert_eq!(without(&edited).unwrap(), "{\n    \"model\": \"opus\"\n}\n");
}

#[test]
fn older_ones_are_replaced_and_those_of_others_stay() {
    let other = group("/usr/bin/lint");
    let text = format!("{{\"hooks\":{{\"PreToolUse\":[{other},{},{},{other}]}}}}", group(OLD), group(COMMAND));
    let edited = there_and_back(&text);
    let value = read(&edited).unwrap();
    let list = value["hooks"]["PreToolUse"].as_array().unwrap();
    assert_eq!(list.len(), 3, "{edited}");
    assert_eq!(list[1], entry::group(COMMAND));
    assert_eq!(edited.matches(&other).count(), 2);
    // Ours in a group of somebody else's is taken out of it.
    let mixed = format!(
        "{{\"hooks\":{{\"PreToolUse\":[{{\"matcher\":\"Bash\",\"hooks\":[{{\"type\":\"command\",\"command\":\"a\"}},{{\"type\":\"command\",\"command\":\"{OLD}\"}}]}}]}}}}"
    );
    let edited = there_and_back(&mixed);
    let value = read(&edited).unwrap();
    assert_eq!(value["hooks"]["PreToolUse"][0]["hooks"].as_array().unwrap().len(), 1, "{edited}");
    let back = without(&edited).unwrap();
    assert!(back.contains("\"command\":\"a\"") && !back.contains("claude-failover"), "{back}");
}

#[test]
fn what_the_client_would_drop_is_refused_with_its_line() {
    let line = |text: &str| with(text, COMMAND).unwrap_err();
    assert_eq!(line("{\n\"a\": ,\n}").line, Some(2));
    assert_eq!(line("{\n// why\n\"a\": 1}").line, Some(2));
    assert_eq!(line("{\"a\": 1,\n}").line, Some(2));
    assert!(line("[]").what.contains("not a JSON object"));
    for text in [
        "{\"hooks\":[]}",
        "{\"hooks\":null}",
        "{\"hooks\":{\"PreToolUse\":{}}}",
        "{\"hooks\":{\"Stop\":{}}}",
        "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\"}]}}",
        "{\"hooks\":{\"PreToolUse\":[{\"matcher\":1,\"hooks\":[]}]}}",
        "{\"hooks\":{\"PreToolUse\":[{\"hooks\":[{\"type\":\"nonsense\"}]}]}}",
        "{\"hooks\":{\"PreToolUse\":[{\"hooks\":[{\"type\":\"command\"}]}]}}",
        "{\"hooks\":{\"PreToolUse\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"x\",\"onFailure\":\"deny\"}]}]}}",
        "{\"hooks\":{},\"hooks\":{}}",
        "{\"hooks\":{\"PreToolUse\":[],\"PreToolUse\":[]}}",
    ] {
        assert!(with(text, COMMAND).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(with(&format!("{{\"a\":{deep}"), COMMAND).is_err());
}
