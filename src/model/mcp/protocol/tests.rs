use super::*;

fn hear(client: &mut Client, message: &Value) -> Value {
    match client.hear(message.to_string().as_bytes()) {
        Heard::Answer(answer) => answer,
        other => panic!("{message}: {other:?}"),
    }
}

fn shaken() -> Client {
    let mut client = Client::default();
    hear(&mut client, &initialize("2025-11-25"));
    client
}

fn initialize(version: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "0" },
    }})
}

fn alone(method: &str, params: Value, version: &str) -> Value {
    let mut params = params;
    params["_meta"] = json!({ VERSION_KEY: version, CAPABILITIES_KEY: {} });
    json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params })
}

#[test]
fn a_handshake_settles_on_a_version_that_is_spoken() {
    for (wanted, got) in [("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")]
    {
        let answer = hear(&mut Client::default(), &initialize(wanted));
        assert_eq!(answer["result"]["protocolVersion"], got);
        assert_eq!(answer["result"]["serverInfo"]["name"], "claude-failover");
        assert_eq!(answer["result"]["capabilities"], json!({ "tools": {}, "resources": {} }));
        assert!(answer["result"].get("resultType").is_none());
    }
}

#[test]
fn nothing_but_a_ping_before_the_handshake() {
    let mut client = Client::default();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(hear(&mut client, &ping), json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    assert_eq!(hear(&mut client, &list)["error"]["code"], code::INVALID_REQUEST);
    hear(&mut client, &initialize("2025-11-25"));
    assert!(matches!(client.hear(list.to_string().as_bytes()), Heard::Asked(_, Ask::Tools)));
}

#[test]
fn what_is_no_request_is_told_so() {
    let mut client = shaken();
    let mut error = |line: &str| match client.hear(line.as_bytes()) {
        Heard::Answer(answer) => (answer["error"]["code"].as_i64().unwrap(), answer["id"].clone()),
        other => panic!("{line}: {other:?}"),
    };
    for line in ["{", "hello", "{\"id\":1}}", "\u{feff}{}", &"[".repeat(100_000)] {
        assert_eq!(error(line), (code::PARSE, Value::Null), "{line}");
    }
    for line in ["1", "\"x\"", "null", "[]", "{}", "{\"id\":null,\"method\":\"ping\",\"jsonrpc\":\"2.0\"}"] {
        assert_eq!(error(line), (code::INVALID_REQUEST, Value::Null), "{line}");
    }
    let batch = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]";
    assert_eq!(error(batch), (code::INVALID_REQUEST, Value::Null));
    for (line, expected) in [
        ("{\"id\":7,\"method\":\"ping\"}", code::INVALID_REQUEST),
        ("{\"id\":7,\"method\":\"ping\",\"jsonrpc\":\"1.0\"}", code::INVALID_REQUEST),
        ("{\"id\":7,\"method\":3,\"jsonrpc\":\"2.0\"}", code::INVALID_REQUEST),
        ("{\"id\":7,\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"params\":[]}", code::INVALID_PARAMS),
        ("{\"id\":7,\"method\":\"prompts/list\",\"jsonrpc\":\"2.0\"}", code::METHOD_NOT_FOUND),
        ("{\"id\":7,\"method\":\"tools/call\",\"jsonrpc\":\"2.0\"}", code::INVALID_PARAMS),
        (
            "{\"id\":7,\"method\":\"tools/call\",\"jsonrpc\":\"2.0\",\"params\":{\"name\":\"x\",\"arguments\":[]}}",
            code::INVALID_PARAMS,
        ),
        (
            "{\"id\":7,\"method\":\"tools/list\",\"jsonrpc\":\"2.0\",\"params\":{\"cursor\":\"x\"}}",
            code::INVALID_PARAMS,
        ),
        (
            "{\"id\":7,\"method\":\"resources/read\",\"jsonrpc\":\"2.0\",\"params\":{\"uri\":1}}",
            code::INVALID_PARAMS,
        ),
    ] {
        assert_eq!(error(line), (expected, json!(7)), "{line}");
    }
}

#[test]
fn notifications_and_answers_are_not_answered() {
    let mut client = shaken();
    for message in [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/unheard-of", "params": 3 }),
        json!({ "jsonrpc": "2.0", "method": "tools/list" }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": 1, "message": "x" } }),
    ] {
        assert_eq!(client.hear(message.to_string().as_bytes()), Heard::Nothing, "{message}");
    }
    assert_eq!(client.hear(b"  \r"), Heard::Nothing);
}

#[test]
fn a_request_that_stands_alone_needs_no_handshake() {
    let mut client = Client::default();
    let told = hear(&mut client, &alone("server/discover", json!({}), "2026-07-28"));
    let result = &told["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28", "2025-11-25", "2025-06-18"]));
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(result["ttlMs"].is_u64() && result["_meta"][SERVER_KEY]["name"] == "claude-failover");
    let heard = client.hear(alone("tools/call", json!({ "name": "status" }), "2026-07-28").to_string().as_bytes());
    let Heard::Asked(request, Ask::Call { tool, .. }) = heard else { panic!("{heard:?}") };
    assert_eq!(
        (tool.as_str(), &request.result(json!({}))["result"]["resultType"]),
        ("status", &json!("complete"))
    );
    // There is no ping any more, and the version must be one that stands alone.
    let code = |answer: Value| answer["error"]["code"].as_i64().unwrap();
    assert_eq!(code(hear(&mut client, &alone("ping", json!({}), "2026-07-28"))), code::METHOD_NOT_FOUND);
    let told = hear(&mut client, &alone("tools/list", json!({}), "2025-11-25"));
    assert_eq!(told["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "2025-11-25" }));
    assert_eq!(code(told), code::UNSUPPORTED_VERSION);
    let mut half = alone("tools/list", json!({}), "2026-07-28");
    half["params"]["_meta"].as_object_mut().unwrap().remove(CAPABILITIES_KEY);
    assert_eq!(code(hear(&mut client, &half)), code::INVALID_PARAMS);
    let bare = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover" });
    assert_eq!(code(hear(&mut client, &bare)), code::INVALID_PARAMS);
}

#[test]
fn a_resource_that_does_not_exist_has_the_code_of_its_era() {
    let read = json!({ "uri": "claude-failover://nothing" });
    for (stands_alone, expected) in [(true, code::INVALID_PARAMS), (false, code::NO_RESOURCE)] {
        let answer = Request { id: 1.into(), stands_alone }.no_resource("claude-failover://nothing");
        assert_eq!(answer["error"]["code"], expected);
        assert_eq!(answer["error"]["data"], read);
    }
}

proptest::proptest! {
    /// Whatever comes, a line is answered at most once, by an object with the id that was given or none.
    #[test]
    fn any_line_is_survived(bytes: Vec<u8>, method: String, id in "[a-z0-9]{0,5}", params in "[\\[\\]{}\",:a-z0-9 ]{0,40}") {
        let request = format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{id}\",\"method\":{},\"params\":{params}}}", json!(method));
        for line in [bytes.as_slice(), request.as_bytes()] {
            if let Heard::Answer(answer) = Client::default().hear(line) {
                let told = answer["id"].clone();
                proptest::prop_assert!(told.is_null() || told.is_string() || told.is_number());
                proptest::prop_assert!(answer["error"]["code"].is_i64() || answer["result"].is_object());
            }
        }
    }
}
