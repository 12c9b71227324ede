//! The host's end of a sealed root: commands go in by a pipe, what happened comes out.

use serde::Deserialize;
use serde_json::json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A call that a stand-in noted.
#[derive(Clone, Debug, Deserialize)]
pub struct Noted {
    /// Its working directory.
    pub cwd: PathBuf,
    /// Its fields, the program's plain name first.
    pub argv: Vec<String>,
    /// The same with links in paths followed, where that makes a difference.
    pub resolved: Option<Vec<String>>,
    /// The `HEAD` file of the repository around, and its text.
    pub head: Option<(PathBuf, String)>,
}

/// What a command did.
#[derive(Clone, Debug, Deserialize)]
pub struct Ran {
    /// Whether it was ended by the deadline.
    pub late: bool,
    /// The beginning of what it said.
    pub said: String,
    /// The stand-ins that it ran, in the order of their start.
    pub calls: Vec<Noted>,
    /// What it changed of the files: `created`, `changed` or `deleted`, and the path.
    pub changes: Vec<(String, PathBuf)>,
}

/// A sealed root with its process 1.
pub struct Sealed {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// The program that runs inside, beside our own.
pub fn inside() -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name("guard-lab-inside")
}

impl Sealed {
    /// Makes a root and seals it. The error says why that is not possible.
    pub fn new() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut child = Command::new(program)
            .arg("outer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir("/")
            .spawn()
            .map_err(|e| e.to_string())?;
        let (Some(input), Some(output), Some(mut errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("no pipes".to_owned());
        };
        let mut sealed = Self { child, input, output };
        match sealed.receive::<serde_json::Value>() {
            Ok(greeting) if greeting["sealed"] == true => {
                // The pipe stays open as long as the root: it holds less than the pipe's buffer.
                std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::stderr()));
                Ok(sealed)
            }
            _ => {
                let mut why = String::new();
                let _ = errors.read_to_string(&mut why);
                Err(why)
            }
        }
    }

    /// Runs a shell text in there.
    pub fn run(&mut self, text: &str, shell: &str) -> Result<Ran, String> {
        let bytes = json!({"text": text, "shell": shell}).to_string().into_bytes();
        let length = u32::try_from(bytes.len()).map_err(|e| e.to_string())?;
        self.input
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.input.write_all(&bytes))
            .and_then(|()| self.input.flush())
            .map_err(|e| format!("the sealed root is gone: {e}"))?;
        self.receive()
    }

    fn receive<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, String> {
        let mut length = [0; 4];
        let gone = |e: std::io::Error| format!("the sealed root is gone: {e}");
        self.output.read_exact(&mut length).map_err(gone)?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        self.output.read_exact(&mut bytes).map_err(gone)?;
        serde_json::from_slice(&bytes).map_err(|e| e.to_string())
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `guard-lab outer [--leave WHAT]`.
pub fn outer(leave: Option<&str>) -> i32 {
    let inside: &Path = &inside();
    match crate::outer::enter(inside, leave) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("guard-lab: not sealed: {why}; nothing was run");
            98
        }
    }
}
