use super::*;
use serde_json::json;

fn call(tool: &str, input: serde_json::Value) -> Result<Vec<Ask>, Unreadable> {
    let payload = json!({"session_id": "s", "cwd": "/w", "tool_name": tool, "tool_input": input});
    read(payload.to_string().as_bytes()).map(|call| call.asks)
}

fn shell(text: &str) -> Ask {
    Ask::Shell(text.to_owned())
}

fn write(path: &str) -> Ask {
    Ask::Write(path.to_owned())
}

#[test]
fn the_clients_own_tools_are_known_by_name() {
    for (tool, input, want) in [
        ("Bash", json!({"command": "ls", "description": "x"}), vec![shell("ls")]),
        ("Monitor", json!({"command": "ls"}), vec![shell("ls")]),
        ("Monitor", json!({"ws": {"url": "x"}}), vec![]),
        ("Write", json!({"file_path": "a", "content": "b"}), vec![write("a")]),
        ("Edit", json!({"file_path": "a", "old_string": "b", "new_string": "c"}), vec![write("a")]),
        ("MultiEdit", json!({"file_path": "a", "edits": [{"old_string": "b"}]}), vec![write("a")]),
        ("NotebookEdit", json!({"notebook_path": "a", "new_source": "b"}), vec![write("a")]),
        ("Read", json!({"file_path": "/etc/passwd"}), vec![]),
        ("Grep", json!({"pattern": "x", "path": "/etc", "content": "x"}), vec![]),
        ("Glob", json!({"pattern": "x", "path": "/etc"}), vec![]),
        ("LS", json!({"path": "/etc"}), vec![]),
    ] {
        assert_eq!(call(tool, input.clone()), Ok(want), "{tool} {input}");
    }
}

#[test]
fn other_tools_are_judged_by_what_their_fields_are_called() {
    for (tool, input, want) in [
        ("mcp__sh__run", json!({"cmd": "ls"}), vec![shell("ls")]),
        ("PowerTool", json!({"shellCommand": "ls -l"}), vec![shell("ls -l")]),
        ("run", json!({"command": "rm", "args": ["-r", "a b"]}), vec![shell("rm '-r' 'a b'")]),
        ("run", json!({"command": ["sh", "-c", "ls"]}), vec![shell("'sh' '-c' 'ls'")]),
        ("run", json!({"options": {"command": "ls"}}), vec![shell("ls")]),
        ("run", json!({"steps": [{"command": "ls"}, {"command": "pwd"}]}), vec![shell("ls"), shell("pwd")]),
        ("mcp__fs__write_file", json!({"path": "a"}), vec![write("a")]),
        ("mcp__fs__writeFile", json!({"filePath": "~/a"}), vec![write("~/a")]),
        ("mcp__write__read_file", json!({"path": "a"}), vec![]),
        ("mcp__fs__search_files", json!({"path": "a", "content": "x"}), vec![]),
        ("mcp__fs__put", json!({"path": "a", "contents": "x"}), vec![write("a")]),
        ("thing", json!({"path": "a", "edits": [{"newText": "x"}]}), vec![write("a")]),
        ("thing", json!({"path": "a"}), vec![]),
        ("delete_file", json!({"path": "~/a b"}), vec![shell("rm -r -- ~/'a b'"), write("~/a b")]),
        ("copy_file", json!({"source": "a", "destination": "b"}), vec![write("b")]),
        ("move_file", json!({"source": "a", "destination": "b"}), vec![write("b"), write("a")]),
        ("str_replace_based_edit_tool", json!({"command": "view", "path": "a"}), vec![shell("view")]),
        ("WebFetch", json!({"url": "x", "prompt": "rm"}), vec![]),
        ("thing", json!({"a": {"b": {"c": {"d": {"command": "ls"}}}}}), vec![]),
    ] {
        assert_eq!(call(tool, input.clone()), Ok(want), "{tool} {input}");
    }
}

#[test]
fn what_is_not_a_hooks_input_is_unreadable() {
    let good = r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"ls"}}"#;
    assert!(read(good.as_bytes()).is_ok());
    for end in 0..good.len() {
        assert!(read(&good.as_bytes()[..end]).is_err(), "{end}");
    }
    for text in [
        "",
        " \n",
        "null",
        "5",
        "\"x\"",
        "[]",
        r#"["Bash","/w",{"command":"ls"}]"#,
        "{}",
        r#"{"cwd":"/w","tool_name":"Bash"}"#,
        r#"{"cwd":"/w","tool_input":{"command":"ls"}}"#,
        r#"{"tool_name":"Bash","tool_input":{"command":"ls"}}"#,
        r#"{"cwd":"w","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
        r#"{"cwd":"","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
        r#"{"cwd":"/w\u0000","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
        r#"{"cwd":5,"tool_name":"Bash","tool_input":{"command":"ls"}}"#,
        r#"{"cwd":"/w","tool_name":["Bash"],"tool_input":{"command":"ls"}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":"ls"}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":["ls"]}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":null}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":null}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":["ls"]}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"\ud800"}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"\udc00x"}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"l\u0000s"}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"ls","command":"pwd"}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_name":"Read","tool_input":{"command":"ls"}}"#,
        r#"{"cwd":"/w","tool_name":"Write","tool_input":{"content":"x"}}"#,
        r#"{"cwd":"/w","tool_name":"Write","tool_input":{"file_path":7,"content":"x"}}"#,
        r#"{"cwd":"/w","tool_name":"Write","tool_input":{"file_path":"/a\u0000b","content":"x"}}"#,
        r#"{"cwd":"/w","tool_name":"Monitor","tool_input":{}}"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"ls"}} x"#,
        r#"{"cwd":"/w","tool_name":"Bash","tool_input":{"command":"ls"}}{}"#,
        "\u{feff}{}",
    ] {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
    assert!(read(b"{\"cwd\":\"/w\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"\xff\"}}").is_err());
}

#[test]
fn what_went_wrong_is_said_without_the_input() {
    let said = |text: &str| read(text.as_bytes()).unwrap_err().0;
    assert_eq!(said("{\"cwd\""), "the input is cut off");
    assert_eq!(said(r#"{"cwd":"/w","tool_name":"Bash"}"#), "missing field `tool_input`");
    let text = said(r#"{"cwd":"/w","tool_name":"Bash","tool_input":"hunter2"}"#);
    assert!(text.starts_with("a field has the wrong type") && !text.contains("hunter2"), "{text}");
}

#[test]
fn depth_and_size_harm_nobody() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for name in ["x", "content", "command", "args"] {
            let text =
                format!(r#"{{"cwd":"/w","tool_name":"T","tool_input":{{"{name}":{}}}}}"#, deep(open, close));
            let _ = read(text.as_bytes());
            let text = format!(r#"{{"cwd":"/w","tool_name":"T","x":{},"tool_input":{{}}}}"#, deep(open, close));
            let _ = read(text.as_bytes());
        }
    }
    let large = "x".repeat(20 << 20);
    assert_eq!(call("Write", json!({"file_path": "a", "content": large})), Ok(vec![write("a")]));
}
