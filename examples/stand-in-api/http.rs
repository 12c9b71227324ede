//! As much HTTP/1.1 as the client speaks: keep-alive, bodies with a length or in chunks.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::reply::{Answer, Desk};

/// A request.
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    /// The credential, however it was sent.
    pub fn token(&self) -> String {
        let bearer = self.headers.get("authorization").and_then(|a| a.split_once(' ')).map(|(_, t)| t.to_owned());
        bearer.or_else(|| self.headers.get("x-api-key").cloned()).unwrap_or_default()
    }
}

/// Serves one connection until it ends.
pub fn serve(stream: TcpStream, desk: &Desk) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let done = match desk.answer(&request) {
            Answer::Whole { status, headers, body } => {
                let body = if request.method == "HEAD" { Vec::new() } else { body };
                whole(&mut out, status, &headers, &body)
            }
            Answer::Stream { headers, events, cut } => stream_out(&mut out, &headers, &events, cut),
            Answer::Close => Err(std::io::Error::other("closed on purpose")),
        };
        if done.is_err() {
            let _ = out.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = u64::from_str_radix(size.trim().split(';').next()?, 16).ok()?;
            reader.by_ref().take(size).read_to_end(&mut body).ok()?;
            reader.read_line(&mut String::new()).ok()?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length").and_then(|l| l.parse::<u64>().ok()) {
        reader.by_ref().take(length).read_to_end(&mut body).ok()?;
    }
    Some(Request { method, path, headers, body })
}

fn head(status: u16, headers: &[(String, String)]) -> String {
    let mut text = format!("HTTP/1.1 {status} Status\r\nrequest-id: req_{}\r\n", uuid::Uuid::new_v4().simple());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text
}

fn whole(out: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) -> std::io::Result<()> {
    let head = head(status, headers);
    let text = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    out.write_all(text.as_bytes())?;
    out.write_all(body)?;
    out.flush()
}

fn stream_out(
    out: &mut TcpStream,
    headers: &[(String, String)],
    events: &[(String, u64)],
    cut: bool,
) -> std::io::Result<()> {
    let head = head(200, headers);
    out.write_all(
        format!("{head}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes(),
    )?;
    for (event, pause) in events {
        std::thread::sleep(std::time::Duration::from_millis(*pause));
        out.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        out.flush()?;
    }
    if cut {
        return Err(std::io::Error::other("cut on purpose"));
    }
    out.write_all(b"0\r\n\r\n")?;
    out.flush()
}
