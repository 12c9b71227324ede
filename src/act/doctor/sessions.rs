//! Whether a session can have no live client: what may be done to a record that cannot be read hangs on it.

use super::Around;
use crate::model::name::SessionName;
use crate::sys::claude;

/// Whether tmux answered and shows no such session, and no process was launched for it. What cannot be told is
/// not idle.
pub(super) fn is_idle(around: &Around, session: &SessionName) -> bool {
    let Ok(env) = &around.env else { return false };
    let Ok(snapshot) = env.tmux().snapshot() else { return false };
    snapshot.pane(session, None).is_none() && claude::has_client(session, around.store.root()) == Some(false)
}
