//! `mcp`: spoken to by lines, by the public SDK in both eras of the protocol, and by the real client.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::real_client::{Api, each_version, world};
use crate::common::{SOON, Said, World, bin, until};

const LONG: Duration = Duration::from_secs(120);

/// A world in which sessions may be steered.
fn steered() -> World {
    let w = World::with_accounts();
    w.write("config.yaml", w.read("config.yaml") + "\ncontrol: {enable_trigger: true}\n");
    w
}

/// What is answered to some lines, and how it ends.
fn lines(w: &World, input: &[u8]) -> (Vec<Value>, Said) {
    let mut command = w.command(&["mcp"], &[]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let said = Said::of(&child.wait_with_output().unwrap());
    writer.join().unwrap().unwrap();
    (said.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect(), said)
}

/// The answers to some requests after a handshake; it must end well.
fn talk(w: &World, requests: &[(&str, Value)]) -> Vec<Value> {
    let mut input = vec![json!({ "jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } } })];
    input.push(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    for (n, (method, params)) in requests.iter().enumerate() {
        input.push(json!({ "jsonrpc": "2.0", "id": n, "method": method, "params": params }));
    }
    let text: String = input.iter().map(|line| format!("{line}\n")).collect();
    let (answers, said) = lines(w, text.as_bytes());
    assert_eq!(said.code, 0, "{said:?}");
    let ids: Vec<Value> = answers.iter().map(|a| a["id"].clone()).collect();
    let expected: Vec<Value> =
        std::iter::once("hello".into()).chain((0..requests.len()).map(Value::from)).collect();
    assert_eq!(ids, expected, "each is answered once, in order");
    answers.into_iter().skip(1).collect()
}

/// The results of some calls of tools.
fn calls(w: &World, calls: &[(&str, Value)]) -> Vec<Value> {
    let requests: Vec<(&str, Value)> =
        calls.iter().map(|(name, args)| ("tools/call", json!({ "name": name, "arguments": args }))).collect();
    talk(w, &requests).into_iter().map(|answer| answer["result"].clone()).collect()
}

fn failed(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

#[test]
fn tools_show_and_do_what_the_commands_do() {
    let w = World::new();
    let add = json!({
        "project": "app", "text": "---\norigin: person\npriority: critical\n---\nDo *this*.", "id": "t", "title": "A title",
        "depends_on": ["first"],
    });
    let results = calls(
        &w,
        &[
            ("add_task", add.clone()),
            ("add_task", add),
            ("add_task", json!({ "project": "app", "text": "First.", "id": "first" })),
            ("list_tasks", json!({})),
            ("explain", json!({ "task": "app:t" })),
            ("explain", json!({ "session": "p-0" })),
            ("status", json!({ "cached": true })),
            ("retry_task", json!({ "task": "first" })),
            ("retry_task", json!({ "task": "nothing" })),
        ],
    );
    for (n, result) in results.iter().enumerate() {
        if let Some(value) = result.get("structuredContent") {
            let text = result["content"][0]["text"].as_str().unwrap();
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *value, "{n}");
        }
    }
    let value = |n: usize| &results[n]["structuredContent"];
    assert_eq!((&value(0)["task"], &value(0)["project"]), (&json!("t"), &json!("app")));
    let file = w.read("app/.agent-queue/inbox/t.md");
    // Its front matter is ours, whatever the text begins with.
    let (head, body) = file.strip_prefix("---\n").unwrap().split_once("---\n").unwrap();
    assert!(head.contains("origin: mcp\n") && head.contains("title: A title\n"), "{file}");
    assert_eq!(body, "---\norigin: person\npriority: critical\n---\nDo *this*.\n");
    assert!(w.ok(&["task", "show", "t"]).contains("origin: mcp"));
    let log: Vec<Value> = w.read_log().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let noted = log.iter().find(|l| l["what"] == "queued a task").unwrap();
    assert_eq!((&noted["task"], &noted["origin"]), (&json!("app:t"), &json!("mcp")));
    assert!(failed(&results[1]).starts_with("a task `t` waits already\nhint: "), "{}", results[1]);
    assert_eq!(value(3), &w.json(&["task", "list"]));
    assert_eq!(value(3)["tasks"][1]["priority"], "default");
    assert_eq!(value(4)["subject"], "task `app:t` waits");
    assert_eq!(value(5)["subject"], "session `p-0` was never launched");
    let status = w.json(&["status", "--cached"]);
    for key in ["sessions", "projects", "waiting", "accounts", "active_account"] {
        assert_eq!(value(6)[key], status[key], "{key}");
    }
    assert_eq!(value(7)["state"], "waiting");
    assert!(failed(&results[8]).contains("no task `nothing` in any project"), "{}", results[8]);
}

#[test]
fn what_cannot_be_asked_for_is_refused_and_the_next_request_is_answered() {
    let w = World::new();
    let results = calls(
        &w,
        &[
            ("add_task", json!({ "project": "app" })),
            ("add_task", json!({ "project": "../..", "text": "x" })),
            ("add_task", json!({ "project": "app", "text": "x", "id": "../x" })),
            ("add_task", json!({ "project": "app", "text": "x", "depends_on": ["$(id)"] })),
            ("add_task", json!({ "project": "app", "text": "x", "model": "--dangerously" })),
            ("add_task", json!({ "project": "app", "text": "x", "not_before": "soon" })),
            ("list_tasks", json!({ "project": "nowhere", "x": 1 })),
            ("switch", json!({})),
        ],
    );
    let expected = [
        "add_task: missing field `text`",
        "no project `../..`",
        "a task id must not start with `.` or `-`",
        "depends_on: a task id may hold only letters",
        "model: not a model name: `--dangerously`",
        "not_before: not a time: `soon`",
        "unknown field `x`",
        "sessions cannot be moved this way\nhint: set `control.enable_trigger: true`",
    ];
    for (result, words) in results.iter().zip(expected) {
        assert!(failed(result).contains(words), "{words}: {result}");
    }
    assert_eq!(crate::common::tree(&w.path("app/.agent-queue")).len(), 0);

    let long = "x".repeat(4 << 20);
    let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    let input = format!("{long}\n{ping}{{\n[{ping}]\n\n{ping}");
    let mut input = input.into_bytes();
    input.extend(b"\xff\xfe{}\n\0\n");
    let (answers, said) = lines(&w, &input);
    let codes: Vec<Value> = answers.iter().map(|a| a["error"]["code"].clone()).collect();
    // The batch is cut by its own newline: two lines of no JSON.
    let (none, parse) = (Value::Null, json!(-32700));
    assert_eq!(
        codes,
        [json!(-32600), none.clone(), parse.clone(), parse.clone(), parse.clone(), none, parse.clone(), parse]
    );
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let unknown =
        talk(&w, &[("tools/call", json!({ "name": "rm" })), ("resources/read", json!({ "uri": "file:///etc" }))]);
    assert_eq!(unknown.iter().map(|a| a["error"]["code"].clone()).collect::<Vec<_>>(), [-32602, -32002]);
}

#[test]
fn it_needs_no_configuration_to_be_there_and_reads_it_anew_each_time() {
    let w = World::new();
    let config = w.read("config.yaml");
    std::fs::remove_file(w.path("config.yaml")).unwrap();
    let mut child = w
        .command(&["mcp"], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut answers = std::io::BufRead::lines(std::io::BufReader::new(stdout));
    let mut ask = |method: &str, params: Value| -> Value {
        let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {} });
        let mut params = params;
        params["_meta"] = meta;
        writeln!(stdin, "{}", json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).unwrap();
        serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap()
    };
    let names = |answer: &Value| answer["result"]["tools"].as_array().unwrap().len();
    assert_eq!(names(&ask("tools/list", json!({}))), 5);
    let status = json!({ "name": "status", "arguments": { "cached": true } });
    assert!(failed(&ask("tools/call", status.clone())["result"]).contains("config.yaml"));
    w.write("config.yaml", config + "\ncontrol: {enable_trigger: true}\n");
    assert_eq!(ask("tools/call", status)["result"]["structuredContent"]["version"], 1);
    assert_eq!(names(&ask("tools/list", json!({}))), 6);
    // It holds nothing while it waits for the next request.
    w.ok(&["dispatch"]);
    w.task("t", "text");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_told_at_once_is_bounded() {
    let w = World::new();
    for n in 0..300 {
        let text = format!("---\ntitle: {}\n---\nx\n", "long ".repeat(200));
        let name = format!("app/.agent-queue/inbox/t-{n:03}.md");
        w.write(&name, text);
        // What was written a moment ago may not be all of it yet.
        let then = std::time::SystemTime::now() - Duration::from_secs(600);
        std::fs::File::options().write(true).open(w.path(&name)).unwrap().set_modified(then).unwrap();
    }
    let results = calls(&w, &[("list_tasks", json!({})), ("status", json!({ "cached": true }))]);
    for result in &results {
        let value = &result["structuredContent"];
        assert!(value.to_string().len() <= 64 << 10, "{}", value.to_string().len());
    }
    let told = results[0]["structuredContent"]["tasks"].as_array().unwrap();
    assert_eq!(results[0]["structuredContent"]["left_out"]["tasks"], 300 - told.len());
    assert!(told.len() > 20 && told[0]["title"].as_str().unwrap().ends_with('…'), "{}", told.len());
}

#[test]
fn resources_hold_the_status_the_queue_and_the_log() {
    let w = World::new();
    w.task("t", "text");
    let read = |uri: &str| ("resources/read", json!({ "uri": uri }));
    let answers = talk(
        &w,
        &[
            ("resources/list", json!({})),
            read("claude-failover://status"),
            read("claude-failover://queue"),
            read("claude-failover://log"),
            ("resources/templates/list", json!({})),
        ],
    );
    let listed: Vec<&Value> =
        answers[0]["result"]["resources"].as_array().unwrap().iter().map(|r| &r["uri"]).collect();
    assert_eq!(listed, ["claude-failover://status", "claude-failover://queue", "claude-failover://log"]);
    let value = |n: usize| -> Value {
        let contents = &answers[n]["result"]["contents"][0];
        assert_eq!(contents["mimeType"], "application/json");
        serde_json::from_str(contents["text"].as_str().unwrap()).unwrap()
    };
    assert_eq!(value(1)["active_account"], "main");
    assert_eq!(value(2), w.json(&["task", "list"]));
    let mut newest_first = w.json(&["log"])["lines"].as_array().unwrap().clone();
    newest_first.reverse();
    assert_eq!(value(3)["lines"], Value::Array(newest_first));
    assert_eq!(answers[4]["result"]["resourceTemplates"], json!([]));
}

#[test]
fn a_switch_goes_on_when_whoever_asked_for_it_is_gone() {
    let w = steered();
    for session in ["p-0", "p-1"] {
        w.ok(&["launch", session, "--project", "app"]);
    }
    let plan = &calls(&w, &[("switch", json!({ "to": "spare", "dry_run": true }))])[0]["structuredContent"];
    assert_eq!((&plan["begun"], plan["plan"].as_array().unwrap().len()), (&json!(false), 2), "{plan}");
    assert_eq!(w.json(&["status", "--cached"])["active_account"], "main");
    let results = calls(&w, &[("switch", json!({ "to": "nobody" })), ("switch", json!({ "to": "spare" }))]);
    assert!(failed(&results[0]).contains("no account `nobody`"), "{}", results[0]);
    assert_eq!(results[1]["structuredContent"]["begun"], true, "{}", results[1]);
    // Its process is gone; the switch is not its child.
    until("the switch is over", SOON, || w.json(&["status", "--cached"])["last_switch"]["ended"].is_string());
    let status = w.json(&["status"]);
    assert_eq!((&status["last_switch"]["to"], &status["active_account"]), (&json!("spare"), &json!("spare")));
    for session in status["sessions"].as_array().unwrap().iter().filter(|s| s["kind"] == "pool") {
        assert_eq!(session["account"], "spare", "{session}");
    }
    let again = &calls(&w, &[("switch", json!({ "to": "spare" }))])[0]["structuredContent"];
    assert_eq!((&again["begun"], &again["plan"]), (&json!(false), &json!([])));
    assert!(w.read_log().contains("\"begins a switch\""));
}

#[test]
fn the_example_of_an_entry_starts_it() {
    let text = include_str!("../examples/mcp.json");
    let entry = &serde_json::from_str::<Value>(text).unwrap()["mcpServers"]["claude-failover"];
    assert_eq!((&entry["command"], &entry["args"]), (&json!("claude-failover"), &json!(["mcp"])));
}

#[test]
fn the_public_sdk_lists_and_calls_in_both_eras() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/mcp/bin/python");
    assert!(python.exists(), "the SDK is not installed: run `make test-tools`");
    let w = World::new();
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.py");
        let mut command = w.fenced(&python);
        command.arg("-I").arg(script).arg(mode).arg(bin("claude-failover")).arg("mcp").env_clear().envs(&w.env);
        let said = Said::of(&command.current_dir(w.path("")).output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
        let told: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((&told["version"], &told["server"]), (&json!(version), &json!("claude-failover")));
        assert_eq!(told["tools"].as_object().unwrap().len(), 5);
        assert_eq!(told["tools"]["status"]["readOnlyHint"], true);
        let errors: Vec<bool> = told["calls"].as_array().unwrap().iter().map(|c| c["error"] == true).collect();
        assert_eq!(errors, [false, false, false, false, false, true, true], "{told}");
        assert_eq!(told["calls"][1]["value"]["task"], format!("sdk-{mode}"));
        assert_eq!(told["resources"]["claude-failover://status"]["version"], 1);
        assert_eq!(told["templates"], 0);
        assert!(told["unknown"].as_str().unwrap().contains("unknown tool: `no_such_tool`"), "{told}");
        assert!(w.read(&format!("app/.agent-queue/inbox/sdk-{mode}.md")).contains("origin: mcp"));
    }
}

#[test]
fn the_real_client_lists_and_calls_a_tool() {
    each_version(
        |program, api| world(program, api, "fake-A"),
        |w, api, version| {
            let server = json!({ "mcpServers": { "claude-failover": {
                "command": bin("claude-failover"), "args": ["mcp"],
                "env": { "CLAUDE_FAILOVER_CONFIG": w.path("config.yaml"), "CLAUDE_FAILOVER_STATE_DIR": w.path("state") },
            }}});
            w.write("mcp.json", server.to_string());
            let add = json!({ "project": "web", "text": "By a model.", "id": "of-a-model" });
            let said = ask(w, api, version, &format!("[[tool:mcp__claude-failover__add_task:{add}]]"));
            assert!(said.out.contains("tool said: {") && said.out.contains("of-a-model"), "{version}: {said:?}");
            let text = w.read("web/.agent-queue/inbox/of-a-model.md");
            assert!(text.contains("origin: mcp") && text.ends_with("---\nBy a model.\n"), "{version}: {text}");
            let offered = api.log().iter().any(|line| {
                let body: Value = serde_json::from_str(&api.body(&line["n"])).unwrap_or_default();
                let tools = body["tools"].as_array().cloned().unwrap_or_default();
                let named =
                    |name: &str| tools.iter().any(|t| t["name"] == format!("mcp__claude-failover__{name}"));
                named("add_task") && named("status") && !named("switch")
            });
            assert!(offered, "{version}: the model was not offered the tools");
        },
    );
}

/// One prompt to the real client with our server, without a terminal.
fn ask(w: &World, api: &Api, version: &str, prompt: &str) -> Said {
    let program = crate::common::real_client::client(version);
    let mut command: Command = w.fenced(&program);
    command.args(["-p", prompt, "--mcp-config"]).arg(w.path("mcp.json"));
    command.args(["--strict-mcp-config", "--allowedTools", "mcp__claude-failover__add_task"]);
    command.env_clear().envs(&w.env).stdin(Stdio::null()).current_dir(w.path("app"));
    command.env("CLAUDE_CONFIG_DIR", w.path("acct")).env("ANTHROPIC_BASE_URL", &api.base);
    command.env("HTTPS_PROXY", &api.base).env("NO_PROXY", "127.0.0.1").env("CLAUDE_CODE_MAX_RETRIES", "2");
    for name in ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY"] {
        command.env(name, "1");
    }
    // What is offered is in the first question, not behind a search for tools.
    command.env("ENABLE_TOOL_SEARCH", "false");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the client ends", LONG, || child.try_wait().unwrap().is_some());
    Said::of(&child.wait_with_output().unwrap())
}
