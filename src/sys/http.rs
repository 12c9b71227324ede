//! One HTTP exchange on standard input and output: bytes in and out, within a time. What they mean is
//! `model/control`'s.
//!
//! The kernel keeps the time: a peer that sends nothing, or takes nothing, ends the process with it. Before that a
//! peer that still listens is told.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::alarm;
use std::io::{IsTerminal, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::clock::Stopwatch;

/// How long a request may take to arrive.
const ARRIVES: Duration = Duration::from_secs(8);

/// After so many seconds the process ends, unless something is being looked up or changed.
const ALL: u32 = 10;

/// … and after so many while something is looked up: longer than a tmux server is waited for that hangs.
const LOOKS: u32 = 30;

/// How long what a refused client still sends is taken, so that it gets to read why.
const LINGER: Duration = Duration::from_millis(500);

/// The most that is taken then, in bytes.
const LEFT: usize = 4 << 20;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A Unix socket or a pipe: whoever may open it.
    Local,
    /// A port, from this machine.
    Loopback,
    /// A port, from elsewhere.
    Remote,
}

/// Why a request could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The peer has gone.
    Gone,
    /// It took too long.
    Late,
}

/// A connection, from its beginning.
#[derive(Debug)]
pub struct Connection {
    started: Stopwatch,
    received: Vec<u8>,
    socket: Option<TcpStream>,
}

impl Connection {
    /// Takes standard input and output as the two halves of a connection; the time begins.
    #[must_use]
    pub fn take() -> Self {
        alarm::set(ALL);
        // Of whatever family it is: asked for its addresses, and shut down.
        let socket = std::io::stdin().as_fd().try_clone_to_owned().map(TcpStream::from).ok();
        Self { started: Stopwatch::start(), received: Vec::new(), socket }
    }

    /// Whether a person sits at the other end, and no program.
    #[must_use]
    pub fn is_terminal() -> bool {
        std::io::stdin().is_terminal()
    }

    /// Who is at the other end. By the family of our own end: a peer over a port that has reset the connection has
    /// no address any more, but what it sent is still read.
    #[must_use]
    pub fn peer(&self) -> Peer {
        let Some(socket) = &self.socket else { return Peer::Remote };
        if let Err(e) = socket.local_addr() {
            let is_pipe = e.raw_os_error() == Some(nix::libc::ENOTSOCK);
            let is_unix = || socket.as_fd().try_clone_to_owned().map(UnixStream::from)?.local_addr();
            return if is_pipe || is_unix().is_ok() { Peer::Local } else { Peer::Remote };
        }
        match socket.peer_addr().ok().map(|address| address.ip()) {
            None => Peer::Remote,
            // What was a v4 address before it came to a v6 socket.
            Some(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()) => Peer::Loopback,
            Some(ip) if ip.is_loopback() => Peer::Loopback,
            Some(_) => Peer::Remote,
        }
    }

    /// Reads until `whole` finds what it looks for in everything that was received and is not taken yet, and takes
    /// so much away as it says.
    ///
    /// # Errors
    /// If the peer has gone or the time is over.
    pub fn read<T>(&mut self, mut whole: impl FnMut(&[u8]) -> Option<(T, usize)>) -> Result<T, ReadError> {
        loop {
            if let Some((found, length)) = whole(&self.received) {
                self.received.drain(..length.min(self.received.len()));
                return Ok(found);
            }
            let left = ARRIVES.saturating_sub(self.started.elapsed());
            let mut piece = [0; 16 << 10];
            match receive(&mut piece, left)? {
                0 => return Err(ReadError::Gone),
                length => self.received.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// Tells a peer that waits for it that its body is wanted.
    pub fn go_on(&self) {
        send(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// From here on it takes what a look at everything takes.
    pub fn looks(&self) {
        alarm::set(LOOKS);
    }

    /// From here on it takes as long as it takes: what is begun is brought to its end, whether the peer still listens
    /// or not.
    pub fn no_haste(&self) {
        alarm::cancel();
    }

    /// Answers, and ends the exchange.
    pub fn answer(self, bytes: &[u8]) {
        // A peer that reads nothing must not hold us.
        alarm::set(ALL);
        send(bytes);
        let Some(socket) = self.socket.filter(|socket| socket.shutdown(Shutdown::Write).is_ok()) else { return };
        // A socket that is closed with something unread in it takes the answer back.
        let mut piece = [0; 16 << 10];
        let (watch, mut taken) = (Stopwatch::start(), 0);
        while taken < LEFT {
            match receive(&mut piece, LINGER.saturating_sub(watch.elapsed())) {
                Ok(length) if length > 0 => taken += length,
                _ => break,
            }
        }
        drop(socket);
    }
}

/// What arrives within a time; nothing at the end.
fn receive(piece: &mut [u8], within: Duration) -> Result<usize, ReadError> {
    let mut input = std::io::stdin().lock();
    let wait = PollTimeout::try_from(within).unwrap_or(PollTimeout::ZERO);
    let ready = {
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, wait)
    };
    match ready {
        Ok(0) => Err(ReadError::Late),
        Ok(_) => input.read(piece).map_err(|_| ReadError::Gone),
        Err(nix::errno::Errno::EINTR) => Err(ReadError::Late),
        Err(_) => Err(ReadError::Gone),
    }
}

/// A peer that has gone has nothing to be told.
fn send(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if let Err(e) = out.write_all(bytes).and_then(|()| out.flush()) {
        log::debug!("the answer did not arrive: {e}");
    }
}
