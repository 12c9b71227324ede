//! What a command's redirections open, and where its output goes.

use std::path::PathBuf;

use rable::{Node, NodeKind};

use super::super::limits::Limit;
use super::super::reader::{Reader, either, raw};
use super::super::reading::{Redirect, Stream};
use super::super::shell::Shell;
use super::super::value::{Taint, Value};

/// What a command's redirections are.
#[derive(Default)]
pub struct Opened {
    /// Those to and from files.
    pub redirects: Vec<Redirect>,
    /// What they put on the standard input.
    pub stdin: Option<Stream>,
}

impl Opened {
    /// What one way and another open.
    #[must_use]
    pub fn and(mut self, other: Opened) -> Opened {
        let new: Vec<Redirect> = other.redirects.into_iter().filter(|r| !self.redirects.contains(r)).collect();
        self.redirects.extend(new);
        self.stdin = match (self.stdin, other.stdin) {
            (Some(first), Some(second)) => Some(either(first, second)),
            (first, second) => first.or(second),
        };
        self
    }
}

impl Reader<'_> {
    /// What the redirections open.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn redirects(&mut self, nodes: &[Node], shell: &mut Shell) -> Result<Opened, Limit> {
        let mut opened = Opened::default();
        for node in nodes {
            let (fd, stream) = match &node.kind {
                NodeKind::HereDoc { content, quoted, fd, .. } => {
                    let text =
                        if *quoted { Value::from(content.as_str()) } else { self.document(content, shell)? };
                    let taint = text.taint();
                    (*fd, Stream { text: Some(text), taint })
                }
                NodeKind::Redirect { op, target, fd, .. } if op == "<<<" => {
                    let mut text = self.value(&raw(target), shell)?;
                    text.push_text("\n");
                    let taint = text.taint();
                    (*fd, Stream { text: Some(text), taint })
                }
                NodeKind::Redirect { op, target, fd, .. } => {
                    let target = self.value(&raw(target), shell)?;
                    let redirect = Redirect { operator: op.clone(), target };
                    let stream = match op.as_str() {
                        "<" | "<>" => self.file(&redirect.target, shell).unwrap_or_default(),
                        // What another descriptor was opened on.
                        "<&" => {
                            let number = redirect.target.if_empty().trim_end_matches('-').to_owned();
                            shell.file(&PathBuf::from(format!("/dev/fd/{number}"))).cloned().unwrap_or_default()
                        }
                        ">&" if *fd == 0 => {
                            let number = redirect.target.if_empty().into_owned();
                            shell.file(&PathBuf::from(format!("/dev/fd/{number}"))).cloned().unwrap_or_default()
                        }
                        _ => Stream::default(),
                    };
                    let network =
                        ["/dev/tcp/", "/dev/udp/"].iter().any(|start| redirect.target.starts_with(start));
                    if network && redirect.writes() {
                        let taint = Taint { downloaded: true, decoded: false };
                        shell.write_file(PathBuf::from("/dev/fd/1"), Stream { text: None, taint });
                    }
                    opened.redirects.push(redirect);
                    let feeds = matches!(op.as_str(), "<" | "<>" | "<&") || op == ">&" && *fd == 0;
                    if !feeds {
                        continue;
                    }
                    (*fd, stream)
                }
                _ => continue,
            };
            match fd {
                -1 | 0 => opened.stdin = Some(stream),
                n => shell.write_file(PathBuf::from(format!("/dev/fd/{n}")), stream),
            }
        }
        Ok(opened)
    }

    /// Where a command's output goes: into its files, and on.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn write(&mut self, output: Stream, redirects: &[Redirect], shell: &mut Shell) -> Result<Stream, Limit> {
        for redirect in redirects.iter().filter(|r| r.writes()) {
            if let Some(path) = self.absolute(&redirect.target, shell) {
                let stream = match shell.file(&path) {
                    Some(before) if redirect.operator.contains(">>") => Stream {
                        text: match (before.text.clone(), &output.text) {
                            (Some(mut a), Some(b)) => {
                                a.append(b);
                                Some(a)
                            }
                            _ => None,
                        },
                        taint: before.taint.and(output.taint),
                    },
                    _ => output.clone(),
                };
                self.budget.make(stream.text.as_ref().map_or(0, Value::size))?;
                self.put_file(path, stream, shell)?;
            }
        }
        // `2>file` leaves the output where it was, and `3>&1 >file` another way for it: which is which is not
        // told apart, it may have gone on.
        Ok(output)
    }
}
