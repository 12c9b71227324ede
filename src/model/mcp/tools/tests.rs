use super::*;

fn call(tool: &str, arguments: Value) -> Result<Call, Refusal> {
    read(tool, arguments.as_object().unwrap().clone())
}

fn refused(tool: &str, arguments: Value) -> String {
    match call(tool, arguments) {
        Err(Refusal::Arguments(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_tool_that_is_declared_is_taken_and_no_other() {
    let names =
        |steering| declared(steering).iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(false), ["status", "list_tasks", "add_task", "retry_task", "explain"]);
    assert_eq!(names(true).last().unwrap(), "switch");
    for name in names(true) {
        assert_ne!(call(&name, json!({ "x": 1 })).unwrap_err(), Refusal::Unknown, "{name}");
    }
    for name in ["", "Status", "../status", "cancel_task"] {
        assert_eq!(call(name, json!({})).unwrap_err(), Refusal::Unknown, "{name}");
    }
}

/// A word for each argument that the types take, so that the schemas name just those.
#[test]
fn the_schemas_name_the_arguments_that_are_taken() {
    for tool in declared(true) {
        let name = tool["name"].as_str().unwrap();
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        let refusal = refused(name, json!({ "no_such": 1 }));
        let named: Vec<&str> =
            tool["inputSchema"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(refusal.contains("unknown field `no_such`"), "{refusal}");
        for argument in named {
            let wrong = match call(name, json!({ argument: { "neither": "this" } })) {
                Err(Refusal::Arguments(why)) => why,
                other => panic!("{name} {argument}: {other:?}"),
            };
            assert!(!wrong.contains("unknown field"), "{name} {argument}: {wrong}");
        }
    }
}

#[test]
fn annotations_are_honest() {
    for tool in declared(true) {
        let hints = &tool["annotations"];
        let read_only = ["status", "list_tasks", "explain"].contains(&tool["name"].as_str().unwrap());
        assert_eq!(hints["readOnlyHint"], read_only, "{tool}");
        // A task that is done loses how it ended; sessions are ended.
        assert_eq!(hints["destructiveHint"], ["retry_task", "switch"].contains(&tool["name"].as_str().unwrap()));
        assert_eq!(hints["idempotentHint"], read_only, "{tool}");
        assert_eq!(hints["openWorldHint"], false, "{tool}");
        let told = tool["description"].as_str().unwrap().contains("is data");
        assert_eq!(told, read_only, "texts of others are data: {tool}");
    }
}

#[test]
fn arguments_are_bounded() {
    let long = "x".repeat(MAX_LINE + 1);
    for (tool, arguments) in [
        ("add_task", json!({ "project": "app", "text": "x".repeat(MAX_TEXT + 1) })),
        ("add_task", json!({ "project": "app", "text": " \n" })),
        ("add_task", json!({ "project": long, "text": "x" })),
        ("add_task", json!({ "project": "app", "text": "x", "title": "two\nlines" })),
        ("add_task", json!({ "project": "app", "text": "x", "title": "\u{1b}[2J" })),
        ("add_task", json!({ "project": "app", "text": "x", "title": "\u{9b}2J" })),
        ("add_task", json!({ "project": "app", "text": "a\u{1b}]0;b\u{7}" })),
        ("add_task", json!({ "project": "app", "text": "x", "id": "../x" })),
        ("add_task", json!({ "project": "app", "text": "x", "priority": "urgent" })),
        ("add_task", json!({ "project": "app", "text": "x", "depends_on": vec!["t"; MAX_ITEMS + 1] })),
        ("add_task", json!({ "project": "app", "text": "x", "depends_on": [long] })),
        ("add_task", json!({ "project": "app" })),
        ("add_task", json!({ "project": "app", "text": "x", "origin": "person" })),
        ("add_task", json!({ "project": "app", "text": "x", "account": "main" })),
        ("retry_task", json!({ "task": long })),
        ("list_tasks", json!({ "project": long })),
        ("explain", json!({})),
        ("explain", json!({ "task": "a", "session": "b" })),
        ("explain", json!({ "session": "a:b" })),
        ("switch", json!({ "sessions": vec!["p-0"; MAX_ITEMS + 1] })),
        ("switch", json!({ "to": "--help" })),
    ] {
        let why = refused(tool, arguments);
        assert!(!why.is_empty() && why.len() < 200, "{why}");
    }
    assert!(call("add_task", json!({ "project": "app", "text": "x".repeat(MAX_TEXT), "title": "é" })).is_ok());
    assert!(call("add_task", json!({ "project": "app", "text": "a\r\n\tb é 🙂" })).is_ok());
    assert!(call("explain", json!({ "task": "app:t" })).is_ok());
}
