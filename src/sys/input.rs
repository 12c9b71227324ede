//! Standard input of the hook entry points: bounded in size and in time.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clock::Stopwatch;

/// How long the client may take to write what a hook is given: it has it ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads at most so many bytes of standard input, to its end; `None` if it does not end in time. A hook that
/// waits would hold the session up, and a thread that waits in its place costs a tenth of the whole run.
#[must_use]
pub fn read(most: usize) -> Option<Vec<u8>> {
    let stdin = std::io::stdin();
    let since = Stopwatch::start();
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 << 10]);
    while bytes.len() < most {
        let left = PollTimeout::try_from(PATIENCE.checked_sub(since.elapsed())?).ok()?;
        match poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) => return None,
            Err(Errno::EINTR) => continue,
            Err(_) => return None,
            Ok(_) => {}
        }
        match nix::unistd::read(&stdin, &mut chunk) {
            Ok(0) => break,
            Ok(read) => bytes.extend(chunk.iter().take(read)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(most);
    Some(bytes)
}
