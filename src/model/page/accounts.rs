//! The accounts: each window with what is used of it, when it begins anew, and how it goes on.

use maud::{Markup, html};

use super::PageData;
use super::chart::{self, Chart};
use super::text::{percent, prose, said};
use crate::model::account::{Known, Login};
use crate::model::forecast::points_since;
use crate::model::observe::words;
use crate::model::quota::{Reading, Window};
use crate::model::status::{AccountStatus, WindowStatus};

pub fn section(page: &PageData) -> Markup {
    let status = &page.status;
    let decision = status.decision.verdict.words(&status.active_account, |at| page.clock().short(at));
    html! {
        section #accounts aria-labelledby="accounts-h" {
            h2 #accounts-h { "Accounts" }
            @if status.accounts.len() > 1 { p .lead { (prose(&decision)) } }
            div .cards {
                @for account in &status.accounts { (card(page, account)) }
            }
        }
    }
}

fn card(page: &PageData, account: &AccountStatus) -> Markup {
    let active = account.name == page.status.active_account;
    let id = format!("account-{}", account.name);
    html! {
        article .account .active[active] aria-labelledby=(id) {
            h3 #(id) { (account.name) @if active { " " span .tag { "active" } } }
            p .meta { (facts(page, account)) }
            @if !account.obstacles.is_empty() {
                ul .obstacles { @for why in &account.obstacles { li { (prose(why)) } } }
            }
            @for window in &account.windows { (of_window(page, account, window)) }
            @match account.known {
                Known::Unknown if account.kind.has_windows() => p .meta { "Its usage is not known." },
                Known::Stale => p .meta { "Last read more than a quarter of an hour ago." },
                _ => {}
            }
        }
    }
}

/// How it pays and logs in.
fn facts(page: &PageData, account: &AccountStatus) -> String {
    let mut parts = vec![account.kind.as_str().replace('_', " ")];
    parts.extend(account.plan.as_ref().map(|plan| said(plan, 40)));
    parts.push(match &account.login {
        Login::Valid { ends: Some(ends) } => format!("logged in until {}", page.clock().day(*ends)),
        other => other.as_str().to_owned(),
    });
    if account.spends_money == Some(true) || !account.kind.has_windows() {
        parts.push("use costs money".to_owned());
    }
    parts.join(" · ")
}

/// The name of a window, for people.
pub fn name_of(window: &Window) -> String {
    match window {
        Window::FiveHour => "5 hours".to_owned(),
        Window::SevenDay => "Week".to_owned(),
        Window::Model(name) => format!("Week, {name}"),
    }
}

fn of_window(page: &PageData, account: &AccountStatus, window: &WindowStatus) -> Markup {
    let clock = page.clock();
    let name = name_of(&window.window);
    if !window.holds {
        return html! {
            div .window {
                h4 { (name) }
                p .percent .faint { "not known" }
                p .meta { "began anew " (clock.at(window.resets_at)) ", not read since" }
            }
        };
    }
    let level = match window.percent {
        p if p >= window.threshold => "bad",
        p if p >= window.threshold - 10.0 => "warn",
        _ => "good",
    };
    html! {
        div class={ "window " (level) } {
            h4 { (name) }
            p .percent { b { (percent(window.percent)) } span .unseen { " used" } }
            (bar(window))
            p .meta {
                "resets " (clock.at(window.resets_at)) " (in " (clock.until(window.resets_at)) "), leaves at "
                (percent(window.threshold))
            }
            (history(page, account, window))
        }
    }
}

/// The share that is used, and the threshold as a tick. What it shows stands beside it in words.
fn bar(window: &WindowStatus) -> Markup {
    let used = window.percent.clamp(0.0, 100.0);
    html! {
        svg .bar viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
            rect .track width="100" height="6" {}
            rect .used width=(format!("{used:.1}")) height="6" {}
            rect .tick x=(format!("{:.1}", window.threshold.clamp(0.0, 100.0))) width="0.7" height="6" {}
        }
    }
}

fn history(page: &PageData, account: &AccountStatus, window: &WindowStatus) -> Markup {
    let Ok(begins) = window.resets_at.checked_sub(window.window.length()) else { return html! {} };
    let reading = Reading {
        percent: window.percent,
        resets_at: window.resets_at,
        at: window.observed_at,
        source: window.source,
    };
    let heard = page.histories.get(&account.name).map(Vec::as_slice).unwrap_or_default();
    let points = points_since(heard, &window.window, &reading, begins, page.now());
    if points.len() < 3 {
        return html! {};
    }
    let chart = Chart {
        id: format!("chart-{}-{}", account.name, window.window).replace([':', ' '], "-"),
        title: format!("{}, {}: history and forecast", account.name, name_of(&window.window)),
        begins,
        ends: window.resets_at,
        points: &points,
        threshold: window.threshold,
        forecast: window.forecast,
    };
    html! {
        figure {
            (chart::svg(&chart, page.clock()))
            p .axis aria-hidden="true" {
                span { (page.clock().short(begins)) }
                span { (page.clock().short(window.resets_at)) }
            }
            (outlook(window))
        }
    }
}

/// The forecast in words; none of what has reached its threshold already.
fn outlook(window: &WindowStatus) -> Markup {
    let (Some(forecast), Some(crossing)) = (window.forecast, window.crossing) else { return html! {} };
    if crossing.likely_s == Some(0) {
        return html! {};
    }
    let threshold = percent(window.threshold);
    let time = |s: Option<i64>| s.map(|s| words(jiff::SignedDuration::from_secs(s)));
    html! {
        figcaption {
            @match (time(crossing.soonest_s), time(crossing.likely_s), time(crossing.latest_s)) {
                (Some(soonest), Some(likely), Some(latest)) if soonest != latest => {
                    b { (threshold) " in " (likely) } " (" (soonest) " to " (latest) ")"
                }
                (Some(soonest), Some(likely), None) => {
                    b { (threshold) " in " (likely) } " (" (soonest) " at the soonest)"
                }
                (_, Some(likely), _) => { b { (threshold) " in " (likely) } }
                (Some(soonest), None, _) => { (threshold) " in " (soonest) " at the soonest" }
                _ => { (threshold) " not within a week" }
            }
            ", " (format!("{:.1}\u{a0}±\u{a0}{:.1}", forecast.rate, forecast.spread)) " points an hour"
        }
    }
}
