//! Standard input of the hook entry points: bounded in size and in time.

use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

/// How long the client may take to write what a hook is given: it has it ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads standard input to its end; `None` if it does not end in time. A hook that waits would hold
/// the session up.
#[must_use]
pub fn read(most: u64) -> Option<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
        let _ = send.send(read.map(|_| bytes));
    });
    receive.recv_timeout(PATIENCE).ok()?.ok()
}
