//! The drop-in replacements of the old scripts.

use crate::common::{SOON, World, bin, until};

fn script(w: &World, name: &str, args: &[&str]) -> std::process::Output {
    let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let here = bin("claude-failover");
    let dir = here.parent().unwrap().display().to_string();
    w.fenced("/bin/sh".as_ref())
        .arg(path)
        .args(args)
        .env_clear()
        .envs(&w.env)
        .env("PATH", format!("{dir}:/usr/bin:/bin"))
        .output()
        .unwrap()
}

#[test]
fn launch_agent_starts_one_agent_with_a_prompt() {
    let w = World::new();
    let said = script(&w, "launch-agent.sh", &["p-2", &w.path("app").display().to_string(), "hello there"]);
    assert!(said.status.success(), "{said:?}");
    until("it heard", SOON, || w.prompts().iter().any(|p| p == "hello there"));
    assert_eq!(w.session("p-2")["project"], "app");
    assert!(!script(&w, "launch-agent.sh", &[]).status.success());
}

#[test]
fn start_dedicated_agents_starts_them_all_and_twice_is_harmless() {
    let w = World::new();
    for _ in 0..2 {
        let said = script(&w, "start-dedicated-agents.sh", &[]);
        assert!(said.status.success(), "{said:?}");
    }
    until("idle", SOON, || w.json(&["status"])["sessions"][0]["state"] == "idle");
    let starts = w.agent_log().iter().filter(|l| l["start"].is_u64()).count();
    assert_eq!(starts, 1);
}
