//! The queues: how many tasks lie where in each project, and why those wait that do.

use maud::{Markup, html};
use std::collections::HashMap;

use super::PageData;
use super::text::{count, prose, said};
use crate::model::front_matter::Priority;
use crate::model::queue::{ProjectQueue, Waiting};
use crate::model::report::Item;
use crate::model::status::ProjectStatus;

/// So many tasks of a project are listed.
const OF_PROJECT: usize = 50;

/// … and so many of all.
const OF_ALL: usize = 400;

/// The lists are open as long as no more than so many tasks wait in all.
const OPEN: usize = 10;

/// From so many projects on those in which nothing is to be done are one line, as in `status`.
const MANY: usize = 20;

pub fn section(page: &PageData) -> Markup {
    let projects = &page.status.projects;
    let busy = |p: &ProjectStatus| projects.len() <= MANY || p.waiting + p.claimed > 0;
    let quiet = projects.iter().filter(|p| !busy(p)).count();
    let why: HashMap<&str, &Item> = page.status.waiting.iter().map(|i| (i.subject.as_str(), i)).collect();
    let mut lists = Lists { room: OF_ALL, open: projects.iter().map(|p| p.waiting).sum::<usize>() <= OPEN, why };
    html! {
        section #queue aria-labelledby="queue-h" {
            h2 #queue-h { "Queue" }
            @if projects.is_empty() {
                p .lead { "There are no projects." }
            } @else {
                table .projects {
                    caption .unseen { "Tasks by project" }
                    thead {
                        tr {
                            th scope="col" { "Project" }
                            @for head in ["Waiting", "At work", "Done", "Failed"] { th scope="col" .n { (head) } }
                        }
                    }
                    @for (n, p) in projects.iter().enumerate().filter(|(_, p)| busy(p)) {
                        (project(p, page.queues.get(n), page, &mut lists))
                    }
                }
            }
            @if quiet > 0 { p .more { (count(quiet, "more project", "more projects")) " with nothing to do" } }
        }
    }
}

/// What the lists of all projects have in common.
struct Lists<'a> {
    /// So many tasks may still be listed.
    room: usize,
    /// Whether a list is open until somebody closes it.
    open: bool,
    /// Why a task waits, by its name.
    why: HashMap<&'a str, &'a Item>,
}

fn project(p: &ProjectStatus, queue: Option<&ProjectQueue>, page: &PageData, lists: &mut Lists<'_>) -> Markup {
    let number = |n: usize| html! { td .n .faint[n == 0] { (n) } };
    html! {
        tbody {
            tr {
                th scope="row" { (p.project) }
                (number(p.waiting)) (number(p.claimed)) (number(p.done)) (number(p.failed))
            }
            @if let Some(queue) = queue.filter(|q| !q.waiting.is_empty()) {
                tr .tasks { td colspan="5" { (waiting(queue, page, lists)) } }
            }
        }
    }
}

/// The tasks of a project that wait, those alike in their reason together; in the order in which they are served.
fn waiting(queue: &ProjectQueue, page: &PageData, lists: &mut Lists<'_>) -> Markup {
    let mut tasks: Vec<&Waiting> = queue.waiting.iter().collect();
    tasks.sort_by_key(|t| (priority(t), t.queued));
    let all = tasks.len();
    tasks.truncate(OF_PROJECT.min(lists.room));
    lists.room -= tasks.len();
    let mut groups: Vec<(Option<&Item>, Vec<&Waiting>)> = Vec::new();
    for task in &tasks {
        let item = lists.why.get(format!("{}:{}", queue.project, task.id).as_str()).copied();
        match groups
            .iter_mut()
            .find(|(i, _)| i.map(|i| (&i.reason, &i.hint)) == item.map(|i| (&i.reason, &i.hint)))
        {
            Some((_, alike)) => alike.push(task),
            None => groups.push((item, vec![task])),
        }
    }
    html! {
        details id=(format!("tasks-{}", queue.project)) open[lists.open] {
            summary id=(format!("tasks-{}-s", queue.project)) {
                (count(all, "task waits", "tasks wait")) span .unseen { " in " (queue.project) }
            }
            @for (item, alike) in &groups {
                p .reason {
                    @match item {
                        Some(item) => (prose(&item.reason)),
                        None => "goes out next",
                    }
                    @if alike.len() > 1 { span .faint { " (" (alike.len()) ")" } }
                }
                ol .tasks { @for task in alike { (of_task(task, page)) } }
            }
            @if all > tasks.len() {
                p .more {
                    (all - tasks.len()) " more: " code { "claude-failover task list --project " (queue.project) }
                }
            }
        }
    }
}

fn priority(task: &Waiting) -> Priority {
    task.header.as_ref().map_or(Priority::Default, |h| h.priority)
}

fn of_task(task: &Waiting, page: &PageData) -> Markup {
    let title = task.header.as_ref().ok().and_then(|h| h.title.as_deref());
    html! {
        li {
            code { (said(task.id.as_str(), 60)) }
            @if priority(task) != Priority::Default { " " span .tag { (priority(task).as_str()) } }
            @if let Some(title) = title { " " span .title { (said(title, 120)) } }
            // A file that could not be looked at has no time.
            @if task.queued <= page.now() { " " span .age { (page.clock().age(task.queued)) } }
        }
    }
}
