use super::super::{Config, LoadInputs, parse};
use super::*;
use crate::error::{hints_of, messages_of};
use crate::model::notify::Severity;

const HEAD: &str = "accounts: [{name: main, home: /a}]\nnotifications:\n  targets:\n";

fn read(targets: &str) -> anyhow::Result<Config> {
    let inputs = LoadInputs { home: Path::new("/home/me"), strict: true };
    parse(&format!("{HEAD}{targets}"), Some(Path::new("c.yaml")), &inputs)
}

const ALL: &str = "
  - {name: phone, kind: telegram, secret: {credential: bot}, chat: -100123, thread: 5}
  - {name: mail, kind: resend, secret: {file: ~/key}, from: 'me <a@example.com>', to: [b@example.com],
     quiet: {from: '22:00', to: '07:00', zone: Europe/Vienna}, events: [task.*]}
  - name: hook
    kind: webhook
    url: https://hooks.slack.com/services/{{secret}}
    secret: {env: SLACK}
    body: {text: '{{title}}', n: 1, list: ['{{text}}']}
  - {name: desk, kind: desktop}
  - {name: log, kind: journal, severity: info}
";

#[test]
fn every_kind_is_read_and_what_is_printed_comes_to_the_same() {
    let c = read(ALL).unwrap();
    let t = &c.notify.targets;
    assert_eq!(t.len(), 5);
    assert!(matches!(&t[0].via, Via::Telegram { chat, api, .. } if chat == "-100123" && api == TELEGRAM));
    assert_eq!(t[1].secret, Some(SecretSource::File("/home/me/key".into())));
    let severities: Vec<Severity> = t.iter().map(|t| t.policy.severity).collect();
    assert_eq!(severities[..2], [Severity::Notice, Severity::Info], "kinds that are named are wanted");
    assert_eq!(c.warnings.len(), 1, "{:?}", c.warnings);
    assert!(c.warnings[0].starts_with("line 11: notifications.targets.2.secret.env: "), "{:?}", c.warnings);
    let text = c.resolved_yaml().unwrap();
    let inputs = LoadInputs { home: Path::new("/home/me"), strict: true };
    let again = parse(&text, None, &inputs).unwrap();
    assert_eq!(again.notify, c.notify, "{text}");
    let nothing = parse("accounts: [{name: main, home: /a}]", None, &inputs).unwrap();
    assert!(nothing.resolved_yaml().unwrap().contains("notifications:\n  targets: []\n  timeout: 10s\n"));
}

#[test]
fn mistakes_are_refused_by_line_and_key() {
    let webhook = "  - {name: a, kind: webhook, url: 'https://x.example'";
    for (targets, want) in [
        ("  - {name: a}\n".to_owned(), "c.yaml:4: notifications.targets.0.kind: missing"),
        (
            "  - {name: a, kind: pigeon}\n".into(),
            "c.yaml:4: notifications.targets[0].kind: unknown variant `pigeon`",
        ),
        ("  - {name: ../a, kind: desktop}\n".into(), "c.yaml:4: notifications.targets.0.name: a session name"),
        (
            "  - {name: a, kind: desktop}\n  - {name: a, kind: desktop}\n".into(),
            "c.yaml:5: notifications.targets.1.name: target `a` is listed twice",
        ),
        (
            "  - {name: a, kind: desktop, chat: 5}\n".into(),
            "targets.0.chat: a target of kind `desktop` has no such key",
        ),
        (
            "  - {name: a, kind: telegram, chat: 5}\n".into(),
            "targets.0.secret: missing: where the bot's token is read",
        ),
        (
            "  - {name: a, kind: telegram, chat: you, secret: {env: X}}\n".into(),
            "targets.0.chat: not a chat: `you`",
        ),
        (
            "  - {name: a, kind: telegram, chat: 5, secret: {file: /x, env: X}}\n".into(),
            "targets.0.secret: needs one of `credential`, `file`, `env`",
        ),
        (
            "  - {name: a, kind: telegram, chat: 5, secret: {file: /x}, api: 'http://10.0.0.1'}\n".into(),
            "targets.0.api: a secret goes over it: it must begin with `https://`",
        ),
        (
            "  - {name: a, kind: desktop, events: [task.dne]}\n".into(),
            "targets.0.events.0: no kind of event: `task.dne`",
        ),
        (
            "  - {name: a, kind: desktop, quiet: {from: '22:00', to: '7', zone: UTC}}\n".into(),
            "targets.0.quiet.to: not a time: `7`",
        ),
        (
            "  - {name: a, kind: desktop, quiet: {from: '22:00', to: '07:00', zone: Mars}}\n".into(),
            "targets.0.quiet.zone: no such zone: `Mars`",
        ),
        ("  - {name: a, kind: desktop, repeat: 30}\n".into(), "repeat: not a duration: write it with its unit"),
        (
            "  - {name: a, kind: desktop, per_hour: 0}\n".into(),
            "targets.0.per_hour: must be a number from 1 to 1000",
        ),
        (format!("{webhook}, body: {{a: '{{{{titel}}}}'}}}}\n"), "targets.0.body.a: no such placeholder: `titel`"),
        (format!("{webhook}, headers: {{X-Api-Key: abc}}}}\n"), "headers.X-Api-Key: looks like a secret"),
        (format!("{webhook}, secret: {{file: /x}}}}\n"), "targets.0.secret: is not used"),
        (
            format!("{webhook}, headers: {{Title: 'x {{{{title}}}}'}}}}\n"),
            "c.yaml:4: notifications.targets.0.headers.Title: a header has no placeholder but `{{secret}}`: `title`",
        ),
        (format!("{webhook}, max_text: 9}}\n"), "targets.0.max_text: must be a number from 100 to 100000"),
        (
            format!("{webhook}, body: {{k: '{{{{secret}}}}'}}}}\n"),
            "targets.0.secret: missing: `{{secret}}` is used, and nothing says where it is read",
        ),
        (
            "  - {name: a, kind: desktop, command: [notify-send, '{{secret}}']}\n".into(),
            "targets.0.command.1: arguments can be seen by every process",
        ),
        ("  - {name: a, kind: webhook, url: 'https://u:p@x.example'}\n".into(), "targets.0.url: holds a password"),
        (
            "  - {name: a, kind: webhook, url: 'https://hooks.slack.com/services/T0/B0/abc'}\n".into(),
            "targets.0.url: holds a secret",
        ),
        (
            "  - {name: a, kind: webhook, url: 'https://x.example/message?a=1&token=abc'}\n".into(),
            "targets.0.url: holds a secret",
        ),
        (
            "  - {name: a, kind: webhook, url: 'https://x.example/{{title}}'}\n".into(),
            "targets.0.url: not an address",
        ),
    ] {
        let error = messages_of(&read(&targets).unwrap_err()).join(": ");
        assert!(error.contains(want), "{targets}\n{error}");
    }
    let error = read("  - {name: a, kind: webhook, url: 'https://x.example', body: '{{titel}}'}\n").unwrap_err();
    assert_eq!(hints_of(&error), ["did you mean `{{title}}`?"]);
}

#[test]
fn texts_are_as_long_as_the_service_takes() {
    let discord =
        "  - {name: a, kind: webhook, url: 'https://discord.com/api/webhooks/{{secret}}', secret: {file: /x}}\n";
    let other = "  - {name: b, kind: webhook, url: 'https://x.example'}\n";
    let own = "  - {name: c, kind: webhook, url: 'https://x.example', max_text: 500}\n";
    let c = read(&format!("{discord}{other}{own}")).unwrap();
    let most = |t: &Target| if let Via::Webhook { max_text, .. } = &t.via { *max_text } else { 0 };
    assert_eq!(c.notify.targets.iter().map(most).collect::<Vec<_>>(), [1800, 3000, 500]);
}

#[test]
fn targets_alone_are_read_back() {
    let c = read(ALL).unwrap();
    let text = c.targets_yaml().unwrap();
    assert!(text.starts_with("notifications:\n"), "{text}");
    assert_eq!(Config::of_targets(&text, Path::new("/home/me")).unwrap().notify, c.notify);
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    for secret in ["'123456:AAbbCC'", "AAbbCC", "123456"] {
        let target = format!("  - {{name: a, kind: telegram, chat: 5, secret: {secret}}}\n");
        let error = read(&target).unwrap_err();
        let said = format!("{error:#} {error:?}");
        assert!(said.contains("c.yaml:4") && said.contains("a secret does not belong here"), "{said}");
        assert!(!said.contains("AAbb") && !said.contains("123456"), "{said}");
    }
}

#[test]
fn the_examples_of_webhooks_are_valid() {
    let text = include_str!("../../../examples/webhooks.yaml");
    let text: String = text.lines().map(|line| format!("  {line}\n")).collect();
    let c = read(&text).unwrap();
    assert!(c.notify.targets.len() >= 6 && c.notify.targets.iter().all(|t| t.via.kind() == TargetKind::Webhook));
}
