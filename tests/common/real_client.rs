//! The real client, two pinned versions, against the stand-in API: made-up logins, loopback only.
//!
//! `HTTPS_PROXY` on the stand-in is the fence: it refuses every CONNECT, so nothing leaves 127.0.0.1.

use super::{World, bin, until};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The two versions that differ in what matters.
pub const VERSIONS: [&str; 2] = ["2.1.197", "2.1.330"];

/// The program of a version; loud if it is not installed, never skipped.
pub fn client(version: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(".clients");
    let path = root.join(version).join("node_modules/@anthropic-ai/claude-code/bin/claude.exe");
    assert!(path.exists(), "the real client {version} is not installed: run `make clients`");
    path
}

/// The stand-in API of one test.
pub struct Api {
    child: Child,
    dir: PathBuf,
    pub base: String,
}

impl Api {
    pub fn start(dir: PathBuf) -> Self {
        std::fs::create_dir_all(&dir).unwrap();
        // It ends when our end of the pipe closes, even if this test is killed.
        let child = Command::new(bin("stand-in-api"))
            .args(["--until-stdin-closes", "--mode", "{\"*\":\"ok\"}", "--dir"])
            .arg(&dir)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("the stand-in listens", Duration::from_secs(20), || dir.join("port").exists());
        let port = std::fs::read_to_string(dir.join("port")).unwrap();
        Self { child, dir, base: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// How each token is treated from now on.
    pub fn mode(&self, modes: &Value) {
        let temp = self.dir.join("mode.new");
        std::fs::write(&temp, modes.to_string()).unwrap();
        std::fs::rename(temp, self.dir.join("mode.json")).unwrap();
    }

    /// The body of a question, by its number in the log.
    pub fn body(&self, n: &Value) -> String {
        let name = format!("body/{:04}.json", n.as_u64().unwrap());
        std::fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }

    /// What it was asked.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.join("requests.jsonl")).unwrap_or_default();
        text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each version in a world of its own, at the same time.
pub fn each_version(world: impl Fn(&Path, &Api) -> World + Sync, test: impl Fn(&World, &Api, &str) + Sync) {
    std::thread::scope(|s| {
        for version in VERSIONS {
            let (world, test) = (&world, &test);
            s.spawn(move || {
                let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
                let api = Api::start(scratch.path().join("api"));
                let w = world(&client(version), &api);
                test(&w, &api, version);
            });
        }
    });
}

/// A made-up login in an account's home of a world, which shares its conversations.
pub fn log_in(w: &World, home: &str, token: &str) {
    let home = w.path(home);
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink(w.path("shared"), home.join("projects")).unwrap();
    let expires = jiff::Timestamp::now().as_millisecond() + 86_400_000;
    let login = json!({ "claudeAiOauth": {
        "accessToken": token, "refreshToken": format!("{token}-r"), "expiresAt": expires,
        "scopes": ["user:inference", "user:profile"], "subscriptionType": "max", "rateLimitTier": "default_claude_max_20x",
    }});
    let path = home.join(".credentials.json");
    std::fs::write(&path, login.to_string()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A world with the accounts `main`, `spare` and `third` (tokens fake-A, fake-B, fake-C).
pub fn world_with_accounts(program: &Path, api: &Api) -> World {
    let w = world(program, api, "fake-A");
    log_in(&w, "spare", "fake-B");
    log_in(&w, "third", "fake-C");
    w.add_accounts();
    w
}

/// A world whose client is the real one.
pub fn world(program: &Path, api: &Api, token: &str) -> World {
    let w = World::bare();
    setup(&w, program, api, token, nix::unistd::geteuid().is_root());
    w
}

/// Configures a world for the real client. Nothing that only root needs is set for an ordinary user.
pub fn setup(w: &World, program: &Path, api: &Api, token: &str, root: bool) {
    log_in(w, "acct", token);
    for project in ["app", "web"] {
        let git = Command::new("git").args(["init", "-q"]).arg(w.path(project)).env_clear().envs(&w.env).status();
        assert!(git.unwrap().success());
    }
    let mut env = format!(
        ", HTTPS_PROXY: \"{0}\", NO_PROXY: 127.0.0.1, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: \"1\", \
         CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: \"1\", DISABLE_AUTOUPDATER: \"1\", \
         DISABLE_TELEMETRY: \"1\", DISABLE_ERROR_REPORTING: \"1\", CLAUDE_CODE_MAX_RETRIES: \"2\"",
        api.base
    );
    if root {
        env.push_str(", IS_SANDBOX: \"1\"");
    }
    w.config_with("", &env, &program.display().to_string());
    let text = w.read("config.yaml").replace("client:\n", &format!("client:\n  api_base: {}\n", api.base));
    w.write("config.yaml", text.replace("ready_timeout: 5s", "ready_timeout: 30s"));
}
