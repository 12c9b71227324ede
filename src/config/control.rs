//! `control`: where requests come in, who may make them, and what they may do.

use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::SecretSource;
use super::check::Faults;
use super::notify::secret;
use super::schema::RawControl;
use crate::model::name::shown;

/// Looking in and steering from outside: `control` and `mcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Whether anything can be changed that way.
    pub enable_trigger: bool,
    /// What a request over TCP has to show. A Unix socket is guarded by its mode.
    pub token: Option<SecretSource>,
    /// Where the socket unit listens; none for `claude-failover/control.sock` in the manager's runtime directory.
    pub listen: Option<Listen>,
}

/// Where the socket unit listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// A Unix socket, mode 0600.
    Path(PathBuf),
    /// A port of the loopback interface.
    Tcp(SocketAddr),
}

/// A socket's path has room for so many bytes.
const LONGEST: usize = 107;

pub(super) fn control(raw: &RawControl, home: &Path, runtime: Option<&Path>, f: &mut Faults) -> Control {
    let token = raw.token.as_ref().and_then(|t| secret("control.token", t, home, f));
    let listen = match raw.listen.as_deref() {
        None => runtime.map(|dir| Listen::Path(dir.join("control.sock"))),
        Some(text) if text.starts_with(['/', '~']) => f.path("control.listen", text, home).map(Listen::Path),
        Some(text) => match text.parse::<SocketAddr>() {
            Ok(address) if !address.ip().is_loopback() => {
                let hint = "use 127.0.0.1 or [::1], and `ssh -L` from elsewhere";
                f.hinted("control.listen", format!("others could reach it: `{address}`"), hint);
                None
            }
            Ok(address) if address.port() == 0 => {
                f.add("control.listen", "needs a port");
                None
            }
            Ok(address) => {
                if raw.token.is_none() {
                    let hint = "every user of the machine can reach a port: set `control.token`, or a path here";
                    f.hinted("control.listen", "a port needs a token", hint);
                }
                Some(Listen::Tcp(address))
            }
            Err(_) => {
                f.add("control.listen", format!("neither a path nor `127.0.0.1:PORT`: `{}`", shown(text)));
                None
            }
        },
    };
    if let Some(Listen::Path(path)) = &listen
        && path.as_os_str().len() > LONGEST
    {
        f.add("control.listen", format!("a socket's path has at most {LONGEST} bytes: `{}`", path.display()));
    }
    Control { enable_trigger: raw.enable_trigger.unwrap_or(false), token, listen }
}
