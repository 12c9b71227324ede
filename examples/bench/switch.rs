//! What a switch costs: `quota-check` with nothing to do, and the time from the limit to the last session
//! at work again, beside a bare shell loop that ends and resumes the same clients.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::world::{World, log_in, median, plain, program, row};

/// `quota-check` over eight accounts with a week of history, local signals only.
pub fn ticks() {
    let w = World::new("quota", 1, 0, 4);
    let mut accounts = String::new();
    for n in 0..8 {
        let home = w.dir.join(format!("a{n}"));
        log_in(&home);
        std::fs::write(home.join(".claude.json"), "{\"numStartups\":7}").unwrap();
        accounts.push_str(&format!("- {{name: a{n}, home: {}}}\n", home.display()));
    }
    let config = std::fs::read_to_string(w.dir.join("config.yaml")).unwrap();
    let rest = config.split_once('\n').unwrap().1;
    std::fs::write(w.dir.join("config.yaml"), format!("accounts:\n{accounts}{rest}")).unwrap();
    plain(&mut w.command(&["status"]));
    let now = jiff::Timestamp::now().as_second();
    for n in 0..8 {
        let at = |s: i64| jiff::Timestamp::from_second(s).unwrap();
        let mut history = String::new();
        for minute in (0..7 * 24 * 60).step_by(3) {
            let seen = now - 7 * 86_400 + minute * 60;
            let percent = (minute % 300) / 4;
            history.push_str(&format!(
                "{{\"at\":\"{}\",\"source\":\"status_line\",\"window\":\"five_hour\",\"percent\":{percent}.0,\"resets_at\":\"{}\"}}\n",
                at(seen),
                at(seen + 18_000)
            ));
        }
        std::fs::write(w.dir.join(format!("state/signals/a{n}.jsonl")), history).unwrap();
        let session = format!(
            "{{\"version\":1,\"name\":\"p-{n}\",\"kind\":\"pool\",\"account\":\"a{n}\",\"client\":{{\"pid\":1,\"start\":1,\
             \"boot_id\":\"x\",\"launched\":\"2026-01-01T00:00:00Z\"}},\"note\":{{\"state\":\"idle\"}}}}"
        );
        std::fs::write(w.dir.join(format!("state/sessions/p-{n}.json")), session).unwrap();
        let line = format!(
            "{{\"rate_limits\":{{\"five_hour\":{{\"used_percentage\":{n}1,\"resets_at\":{}}}}}}}",
            now + 9000
        );
        std::fs::write(w.dir.join(format!("state/events/p-{n}.statusline.json")), line).unwrap();
    }
    row("quota-check, 8 accounts, a week of history each", 51, || {
        let _ = w.command(&["quota-check"]).status();
    });
}

/// Sessions at their limit, on the account `main`; `spare` is free.
fn at_the_limit(sessions: usize) -> World {
    let w = World::new(&format!("switch{sessions}"), 1, 0, sessions);
    std::fs::create_dir_all(w.dir.join("shared")).unwrap();
    for home in ["acct", "spare"] {
        log_in(&w.dir.join(home));
        std::os::unix::fs::symlink(w.dir.join("shared"), w.dir.join(home).join("projects")).unwrap();
    }
    let config = std::fs::read_to_string(w.dir.join("config.yaml")).unwrap();
    let config = config
        .replace(
            "accounts: [",
            &format!("accounts: [{{name: spare, home: {}/spare, priority: 200}}, ", w.dir.display()),
        )
        .replace("/p0}", &format!("/p0, max_sessions: {sessions}}}"))
        .replace("client: {", &format!("client: {{env: {{STAND_IN_LOG: {}/agent.log}}, ", w.dir.display()));
    std::fs::write(w.dir.join("config.yaml"), config).unwrap();
    for n in 0..sessions {
        let text = "[[bash:until test -e ../go; do sleep 0.05; done]] [[say:on]] [[sleep:600]]\n";
        std::fs::write(w.dir.join(format!("p0/.agent-queue/inbox/t{n}.md")), text).unwrap();
    }
    std::thread::sleep(Duration::from_millis(1100));
    plain(&mut w.command(&["dispatch"]));
    wait("all at work", || prompts(&w) >= sessions);
    let resets = jiff::Timestamp::now().as_second() + 9000;
    let full = format!("{{\"five_hour\":100,\"limit\":\"five_hour\",\"resets_at\":{resets}}}");
    std::fs::write(w.dir.join("acct/stand-in.json"), full).unwrap();
    std::fs::write(w.dir.join("go"), "").unwrap();
    wait("all at the limit", || {
        (0..sessions).all(|n| {
            let events = std::fs::read_to_string(w.dir.join(format!("state/events/p-{n}.jsonl")));
            events.unwrap_or_default().contains("StopFailure")
        })
    });
    w
}

fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Prompts that the agents were given.
fn prompts(w: &World) -> usize {
    std::fs::read_to_string(w.dir.join("agent.log")).unwrap_or_default().matches("\"prompt\":").count()
}

fn ours(sessions: usize) -> Duration {
    let w = at_the_limit(sessions);
    let before = prompts(&w);
    let start = Instant::now();
    let mut child = w.command(&["quota-check"]).spawn().unwrap();
    wait("all at work again", || prompts(&w) >= before + sessions);
    let time = start.elapsed();
    assert!(child.wait().unwrap().success());
    time
}

/// The same clients, one after the other: asked to end, waited for, resumed under the other account with the
/// same settings.
const LOOP: &str = r#"
n=0
while [ $n -lt "$SESSIONS" ]; do
    pid=$(tmux -S "$DIR/t.sock" display-message -p -t "=p-$n:" '#{pane_pid}')
    id=$(sed -n 's/.*"conversation": *"\([^"]*\)".*/\1/p' "$DIR/state/sessions/p-$n.json" | head -1)
    kill -TERM "$pid"
    while [ "$(tmux -S "$DIR/t.sock" display-message -p -t "=p-$n:" '#{pane_dead}')" != 1 ]; do sleep 0.01; done
    tmux -S "$DIR/t.sock" respawn-pane -t "=p-$n:" -c "$DIR/p0" -- /usr/bin/env -i HOME="$DIR/home" PATH=/usr/bin:/bin \
        TERM=xterm-256color CLAUDE_CONFIG_DIR="$DIR/spare" STAND_IN_LOG="$DIR/agent.log" "$AGENT" \
        --settings "$DIR/state/overlay/p-$n.json" --resume "$id" -- "carry on with $DIR/p0/.agent-queue/inbox/t$n.md.dispatched"
    n=$((n + 1))
done
"#;

fn bare(sessions: usize) -> Duration {
    let w = at_the_limit(sessions);
    let before = prompts(&w);
    let start = Instant::now();
    let status = Command::new("/bin/sh")
        .args(["-c", LOOP])
        .env("DIR", &w.dir)
        .env("SESSIONS", sessions.to_string())
        .env("AGENT", program("stand-in-agent"))
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    wait("all resumed", || prompts(&w) >= before + sessions);
    start.elapsed()
}

/// From the limit to the last session at work again.
pub fn moves() {
    for sessions in [1, 5, 20] {
        let times =
            |run: &dyn Fn(usize) -> Duration| median((0..3).map(|_| run(sessions)).collect()).as_secs_f64();
        let (ours, bare) = (times(&ours), times(&bare));
        println!(
            "{:56} {:7.0} ms   bare loop {:.0} ms   ratio {:.2}",
            format!("switch of {sessions} sessions at their limit"),
            ours * 1000.0,
            bare * 1000.0,
            ours / bare
        );
    }
}
