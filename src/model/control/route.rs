//! What a request asks for, by its method and path.

use percent_encoding::percent_decode_str;

use super::Refusal;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The page for people.
    Page,
    /// Whether anything looks after it all.
    Health,
    /// Everything, as `status --json`.
    Status,
    /// The accounts, as `account list --json`.
    Accounts,
    /// The sessions of the status.
    Sessions,
    /// The tasks, as `task list --json`.
    Tasks,
    /// What was changed, as `log --json`.
    Events,
    /// Figures for Prometheus.
    Metrics,
    /// The description of all this.
    OpenApi,
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A run of `dispatch`.
    Dispatch,
    /// A run of `quota-check`.
    QuotaCheck,
    /// A run of `watch`.
    Watch,
    /// A run of `checkpoint`.
    Checkpoint,
    /// A run of `switch`.
    Switch,
    /// A task is queued.
    AddTask,
    /// A task is queued again: `id` or `project:id`.
    Retry(String),
    /// A task is taken out of the queue: `id` or `project:id`.
    Cancel(String),
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To see something.
    Look(View),
    /// To change something.
    Change(Change),
}

/// What lies at a path: what `GET` and what `POST` of it are.
fn at(path: &str) -> Option<(Option<View>, Option<Change>)> {
    let look = |view| Some((Some(view), None));
    let change = |change| Some((None, Some(change)));
    match path {
        "/" => look(View::Page),
        "/health" => look(View::Health),
        "/status" => look(View::Status),
        "/accounts" => look(View::Accounts),
        "/sessions" => look(View::Sessions),
        "/tasks" => Some((Some(View::Tasks), Some(Change::AddTask))),
        "/events" => look(View::Events),
        "/metrics" => look(View::Metrics),
        "/openapi.json" => look(View::OpenApi),
        "/trigger/dispatch" => change(Change::Dispatch),
        "/trigger/quota-check" => change(Change::QuotaCheck),
        "/trigger/watch" => change(Change::Watch),
        "/trigger/checkpoint" => change(Change::Checkpoint),
        "/trigger/switch" => change(Change::Switch),
        _ => {
            let (task, verb) = path.strip_prefix("/tasks/")?.split_once('/')?;
            // Decoded behind the split: an id with a slash in it is no id, and no path.
            let task = percent_decode_str(task).decode_utf8().ok()?.into_owned();
            match verb {
                "retry" => change(Change::Retry(task)),
                "cancel" => change(Change::Cancel(task)),
                _ => None,
            }
        }
    }
}

/// What a request asks for.
///
/// # Errors
/// If there is nothing at its path, or not for its method.
pub fn route(method: &str, path: &str) -> Result<Route, Refusal> {
    let (view, change) = at(path).ok_or_else(|| {
        Refusal::new(404, format!("nothing is here: `{}`", crate::model::name::shown(path)))
            .hint("`/openapi.json` lists what there is")
    })?;
    let allowed = match (&view, &change) {
        (Some(_), Some(_)) => "GET, HEAD, POST",
        (Some(_), None) => "GET, HEAD",
        _ => "POST",
    };
    match (method, view, change) {
        ("GET" | "HEAD", Some(view), _) => Ok(Route::Look(view)),
        ("POST", _, Some(change)) => Ok(Route::Change(change)),
        _ => Err(Refusal::new(405, format!("not done here: `{}`", crate::model::name::shown(method)))
            .header("Allow", allowed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_methods() {
        assert_eq!(route("GET", "/status").unwrap(), Route::Look(View::Status));
        assert_eq!(route("HEAD", "/tasks").unwrap(), Route::Look(View::Tasks));
        assert_eq!(route("POST", "/tasks").unwrap(), Route::Change(Change::AddTask));
        assert_eq!(
            route("POST", "/tasks/app%3At%20x/retry").unwrap(),
            Route::Change(Change::Retry("app:t x".to_owned()))
        );
        assert_eq!(route("POST", "/trigger/quota-check").unwrap(), Route::Change(Change::QuotaCheck));
        for (method, path, status, allowed) in [
            ("GET", "/nothing", 404, None),
            ("GET", "/status/", 404, None),
            ("POST", "/tasks/a/b/retry", 404, None),
            ("POST", "/tasks/%ff/retry", 404, None),
            ("POST", "/tasks/a/explode", 404, None),
            ("POST", "/status", 405, Some("GET, HEAD")),
            ("GET", "/trigger/watch", 405, Some("POST")),
            ("DELETE", "/tasks", 405, Some("GET, HEAD, POST")),
            ("OPTIONS", "/trigger/watch", 405, Some("POST")),
            ("get", "/status", 405, Some("GET, HEAD")),
        ] {
            let refusal = route(method, path).unwrap_err();
            let header =
                refusal.headers.iter().find(|(name, _)| *name == "Allow").map(|(_, value)| value.as_str());
            assert_eq!((refusal.status, header), (status, allowed), "{method} {path}");
        }
    }
}
