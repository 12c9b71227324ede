//! Eight processes at once on one state directory.

use crate::common::{World, bin};
use std::collections::BTreeSet;

#[test]
fn eight_dispatchers_and_two_hundred_tasks_lose_none_and_double_none() {
    let w = World::bare();
    w.config_with("", "", &bin("stand-in-agent").display().to_string());
    let text = w.read("config.yaml").replace("max_sessions: 3", "max_sessions: 8").replace("max: 3", "max: 6");
    w.write("config.yaml", text);
    for n in 0..200 {
        w.write(&format!("app/.agent-queue/inbox/t{n:03}.md"), format!("[[bash:echo {n:03} >> n.txt]]"));
    }
    let start = std::time::Instant::now();
    while std::fs::read_dir(w.path("app/.agent-queue/done")).map_or(0, Iterator::count) < 200 {
        assert!(start.elapsed().as_secs() < 240, "{}", w.ok(&["status"]));
        std::thread::scope(|s| {
            for n in 0..8 {
                let w = &w;
                let command = if n % 4 == 3 { "watch" } else { "dispatch" };
                s.spawn(move || {
                    let said = w.cf(&[command]);
                    assert_eq!(said.code, 0, "{said:?}");
                });
            }
        });
    }
    let lines: Vec<String> = w.read("app/n.txt").lines().map(str::to_owned).collect();
    let once: BTreeSet<&String> = lines.iter().collect();
    assert_eq!((lines.len(), once.len()), (200, 200), "a task was run twice or not at all");
    let prompts = w.prompts();
    let tasks: BTreeSet<&str> = prompts.iter().filter_map(|p| p.split_whitespace().nth(1)).collect();
    assert_eq!((prompts.len(), tasks.len()), (200, 200), "a task was delivered twice");
}

#[test]
fn a_busy_lock_is_a_skip_for_a_timer() {
    let w = World::new();
    w.ok(&["dispatch"]);
    let lock = std::fs::File::open(w.path("state/lock/dispatch.lock")).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    let said = w.cf(&["dispatch"]);
    assert_eq!(said.code, 0);
    assert!(said.err.starts_with("skipped: `dispatch` (pid "), "{said:?}");
}
