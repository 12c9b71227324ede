//! Secrets of notification targets: read at the moment of need, never shown, and taken out of whatever is shown.

use anyhow::{Context, Result, anyhow, bail};
use std::fmt;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::paths;
use crate::config::SecretSource;
use crate::error::Mark;

/// The longest secret, in bytes.
const MOST: u64 = 4096;

/// A secret. It cannot be shown.
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Its text, for the request that it goes into.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text without it: as it is, and as it stands in an address.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let encoded: String = self.0.bytes().fold(String::new(), |out, b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out + char::from(b).encode_utf8(&mut [0; 4])
            }
            other => out + &format!("%{other:02X}"),
        });
        // As it stands in a body of JSON, too.
        let quoted = serde_json::Value::from(self.0.as_str()).to_string();
        let escaped = &quoted[1..quoted.len() - 1];
        let mut text = text.replace(&self.0, "***").replace(&encoded, "***").replace(escaped, "***");
        // What a service repeats of it may be cut: its second half tells enough.
        if let Some((_, tail)) = self.0.split_once(':').filter(|(_, tail)| tail.len() >= 8) {
            text = text.replace(tail, "***");
        }
        text
    }
}

/// Reads a secret.
///
/// # Errors
/// If it is not there, empty, or open to others.
pub fn read(source: &SecretSource) -> Result<Secret> {
    let text = match source {
        SecretSource::File(path) => read_file(path, 0o077)?,
        SecretSource::Credential(name) => {
            let dir = paths::var("CREDENTIALS_DIRECTORY")
                .ok_or_else(|| anyhow!("no credentials are handed to this run: `{name}`"))
                .hint(format!(
                    "it is there in a unit with `LoadCredential={name}:PATH`; by hand set CREDENTIALS_DIRECTORY"
                ))?;
            // Under `User=` systemd lets the user in by an access list, whose mask stands in the group's bits.
            read_file(&Path::new(&dir).join(name), 0o007)
                .hint(format!("its unit needs `LoadCredential={name}:PATH`"))?
        }
        SecretSource::Env(name) => match paths::var(name).map(std::ffi::OsString::into_string) {
            Some(Ok(text)) => text,
            Some(Err(_)) => bail!("variable `{name}` is not UTF-8"),
            None => return Err(anyhow!("variable `{name}` is not set")).hint("set it in a drop-in of the unit"),
        },
    };
    let text = text.trim();
    if text.is_empty() {
        bail!("the secret is empty");
    }
    // It goes into an address or a header: a line break would begin another.
    if text.bytes().any(|b| b <= b' ' || b >= 0x7f) {
        bail!("the secret has a character that none may have");
    }
    Ok(Secret(text.to_owned()))
}

/// Reads a file that has none of these bits in its mode.
fn read_file(path: &Path, forbidden: u32) -> Result<String> {
    let read = || -> Result<String> {
        // A pipe of that name must not make the run wait.
        let flags = nix::libc::O_NONBLOCK;
        let file = std::fs::File::options().read(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            bail!("not a file");
        }
        if meta.mode() & forbidden != 0 {
            return Err(anyhow!("others can read or write it")).hint(format!("chmod 600 {}", path.display()));
        }
        let mut text = String::new();
        if meta.len() > MOST {
            bail!("larger than {MOST} bytes");
        }
        file.take(MOST).read_to_string(&mut text).map_err(|_| anyhow!("not a text"))?;
        Ok(text)
    };
    read().with_context(|| format!("could not read the secret `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_must_be_private_and_hold_something() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let source = SecretSource::File(path.clone());
        let error = |source| format!("{:#}", read(source).unwrap_err());
        assert!(error(&source).contains("could not read the secret"));
        std::fs::write(&path, " re_123 \n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let open = read(&source).unwrap_err();
        assert!(crate::error::hints_of(&open)[0].starts_with("chmod 600 "), "{open:?}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read(&source).unwrap().expose(), "re_123");
        for (text, want) in [("\n", "empty"), ("a\r\nb: c", "a character"), ("\u{e4}", "a character")] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::write(&path, text).unwrap();
            assert!(error(&source).contains(want), "{text:?}");
        }
        let (unset, not_handed) =
            (SecretSource::Env("SURELY_NOT_SET".into()), SecretSource::Credential("x".into()));
        assert!(error(&unset).contains("`SURELY_NOT_SET` is not set"));
        assert!(error(&not_handed).contains("no credentials"));
    }

    #[test]
    fn what_systemd_hands_over_is_read_and_a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "x".repeat(4096)).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o440);
        assert!(read_file(&path, 0o007).is_ok() && read_file(&path, 0o077).is_err());
        mode(0o444);
        assert!(read_file(&path, 0o007).is_err());
        mode(0o600);
        std::fs::write(&path, "x".repeat(4097)).unwrap();
        assert!(format!("{:#}", read_file(&path, 0o077).unwrap_err()).contains("larger than 4096"));
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(format!("{:#}", read_file(&pipe, 0o077).unwrap_err()).contains("not a file"));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret("12345:AAbbCCdd-x".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret");
        let said = "GET /bot12345:AAbbCCdd-x/send, /bot12345%3AAAbbCCdd-x/, …AAbbCCdd-x";
        assert_eq!(secret.hide(said), "GET /bot***/send, /bot***/, …***");
    }
}
