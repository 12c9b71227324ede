//! What a hook costs the session that it runs in: `guard`, through the program and through the deployed
//! script, `event` and `statusline`. Each round runs every scene once, the floors among them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::world::{World, median, plain};

/// Rounds.
const RUNS: usize = 200;

/// The shell beside the deployed script: started, it starts a program and hands on how that has ended.
const SHELL: &str = "/bin/true\nstatus=$?\nexit \"$status\"\n";

/// Something that is timed.
struct Scene {
    name: String,
    /// The scene that it is held against.
    floor: usize,
    /// What its exit code must be.
    exit: i32,
    input: Option<PathBuf>,
    command: Command,
}

impl Scene {
    fn once(&mut self) -> Duration {
        self.command.stdin(self.input.as_ref().map_or_else(Stdio::null, |path| File::open(path).unwrap().into()));
        let start = Instant::now();
        let status = self.command.status().unwrap();
        let time = start.elapsed();
        assert_eq!(status.code(), Some(self.exit), "{}", self.name);
        time
    }
}

/// What the guard is asked, and how it answers.
fn calls() -> Vec<(&'static str, String, i32)> {
    let script = |line: &dyn Fn(usize) -> String| (0..40).map(line).collect::<String>();
    let ordinary = |n: usize| match n % 4 {
        0 => format!("echo \"part {n} of the build\"\n"),
        1 => format!("cargo build -p part{n} --release 2>&1 | tail -5\n"),
        2 => format!("if [ -f target/part{n} ]; then cp target/part{n} out/; fi\n"),
        _ => format!("git add src/part{n}.rs && git commit -q -m \"part {n}\"\n"),
    };
    let looped = |n: usize| {
        format!("for i in 1 2 3; do echo \"step {n} $i\"; mkdir -p out/$i; cp a{n}.txt out/$i/; done\n")
    };
    let notes = "a line of quite ordinary text for a file of notes\n".repeat(1200);
    let many = |n: usize| format!("echo some-file-name-{n}.txt some-other-name-{n}.txt\n");
    vec![
        ("ls -la", "ls -la".to_owned(), 0),
        ("a script of 40 lines", script(&ordinary), 0),
        ("40 loops of 3 commands, 3 times round", script(&looped), 0),
        ("rm -rf /", "rm -rf /".to_owned(), 2),
        ("60 KB of text into a file", format!("cat > notes.txt <<'EOF'\n{notes}EOF\n"), 0),
        ("60 KB of commands", (0..1200).map(many).collect(), 0),
    ]
}

fn input(w: &World, name: &str, value: &serde_json::Value) -> PathBuf {
    let path = w.dir.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path
}

/// A command in the environment of the others.
fn bare(w: &World, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", w.dir.join("home")).env("PATH", "/usr/bin:/bin").current_dir(w.dir.join("p0"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Prints one row for each scene.
pub fn hooks() {
    let w = World::new("hooks", 1, 0, 1);
    plain(&mut w.command(&["status"]));
    plain(&mut w.command(&["deploy-hook"]));
    let script = w.dir.join("p0/.claude/hooks/claude-failover-guard.sh");
    assert!(script.exists() && w.dir.join("state/guard/policy.json").exists());
    let beside = w.dir.join("beside.sh");
    std::fs::write(&beside, SHELL).unwrap();

    let scene = |name: String, floor, exit, input, command| Scene { name, floor, exit, input, command };
    let mut shell = bare(&w, "/bin/sh".as_ref());
    shell.arg(&beside);
    let mut scenes = vec![
        scene("/bin/true".to_owned(), 0, 0, None, bare(&w, "/bin/true".as_ref())),
        scene("/bin/sh that runs /bin/true".to_owned(), 1, 0, None, shell),
    ];
    let state = w.dir.join("state");
    // As the overlay of a session writes them.
    let ours = |what: &str| {
        let mut command = w.command(&[what, "--state-dir"]);
        command.arg(&state).args(["--session", "p-0"]).current_dir(w.dir.join("p0"));
        command
    };
    for (n, (name, text, exit)) in calls().into_iter().enumerate() {
        let call = serde_json::json!({
            "session_id": "x", "hook_event_name": "PreToolUse", "tool_name": "Bash",
            "cwd": w.dir.join("p0"), "tool_input": { "command": text, "description": "what it does" },
        });
        let input = input(&w, &format!("call{n}.json"), &call);
        let command = ours("guard");
        scenes.push(scene(format!("guard: {name}"), 0, exit, Some(input.clone()), command));
        scenes.push(scene(format!("script: {name}"), 1, exit, Some(input), bare(&w, &script)));
    }
    let event = serde_json::json!({"hook_event_name": "PostToolUse", "session_id": "x", "tool_name": "Bash"});
    let event = input(&w, "event.json", &event);
    scenes.push(scene("event".to_owned(), 0, 0, Some(event), ours("event")));
    let line =
        serde_json::json!({"rate_limits": {"five_hour": {"used_percentage": 31, "resets_at": 1_900_000_000}}});
    let line = input(&w, "line.json", &line);
    scenes.push(scene("statusline".to_owned(), 0, 0, Some(line), ours("statusline")));

    for scene in &mut scenes {
        scene.once();
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); scenes.len()];
    for _ in 0..RUNS {
        scenes.iter_mut().zip(&mut times).for_each(|(scene, times)| times.push(scene.once()));
    }
    let ms: Vec<f64> = times.into_iter().map(|times| median(times).as_secs_f64() * 1000.0).collect();
    for (scene, time) in scenes.iter().zip(&ms) {
        let floor = ms[scene.floor];
        println!("{:56} {time:7.2} ms   floor {floor:5.2} ms   ratio {:.2}", scene.name, time / floor);
    }
}
