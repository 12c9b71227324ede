//! Lines for a crontab, where there is no systemd.
//!
//! Cron knows no period below a minute, no catching up and no limit: the lines bring a second run half a minute
//! later, a limit (`timeout`), and a lock (`flock`), so that not even the waiting for our own lock piles up.

use jiff::SignedDuration;

use super::{JOBS, Place, Unfit};

/// The lines, ready for `crontab -e`.
///
/// # Errors
/// If a line of a crontab cannot hold one of the paths.
pub fn lines(place: &Place) -> Result<String, Unfit> {
    let mut text = format!(
        "# made by claude-failover timers print --cron; put it into a crontab with: crontab -e\n\
         # On a machine with systemd use `claude-failover timers install` instead.\n\
         PATH={}\n",
        checked(&place.path)?
    );
    if let Some(dir) = &place.tmux_tmpdir {
        text.push_str(&format!("TMUX_TMPDIR={}\n", checked(dir)?));
    }
    // Hosts with the same lines do not all do it at the same minute; the same host always does.
    let minute = place.state.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte)) % 60;
    for job in JOBS {
        let interval = place.intervals.of(job.name);
        let lock = format!("{}/lock/cron-{}.lock", place.state, job.name);
        let limit = job.limit.as_secs().to_string();
        // `-o`: a tmux server that a run starts must not keep the lock for as long as it lives.
        let words = [
            "flock",
            "-n",
            "-o",
            "-E",
            "0",
            &lock,
            "timeout",
            "-k",
            "10",
            &limit,
            &place.program,
            "--config",
            &place.config,
            "--state-dir",
            &place.state,
            "-q",
            job.name,
        ];
        let command = words.into_iter().map(word).collect::<Result<Vec<_>, _>>()?.join(" ");
        let when = when(interval, minute);
        text.push_str(&format!("{when} {command}\n"));
        if interval.is_some_and(|time| time < SignedDuration::from_secs(45)) {
            text.push_str(&format!("{when} sleep 30; {command}\n"));
        }
    }
    Ok(text)
}

/// The five fields for a period; once an hour, at this minute, for what has none.
fn when(interval: Option<SignedDuration>, minute: u32) -> String {
    let Some(interval) = interval else { return format!("{minute} * * * *") };
    let minutes = (interval.as_secs() + 30) / 60;
    match minutes {
        ..=1 => "* * * * *".to_owned(),
        // A step that does not divide the hour would be uneven at its end, which is harmless.
        2..=30 => format!("*/{minutes} * * * *"),
        31..=90 => format!("{minute} * * * *"),
        _ => format!("{minute} */{} * * *", ((minutes + 30) / 60).min(24)),
    }
}

fn checked(text: &str) -> Result<&str, Unfit> {
    // Cron takes the value of a variable as it is; a line break would begin a line of its own.
    let bad = |c: char| c.is_control();
    if text.is_empty() || text.contains(bad) { Err(Unfit::new(text)) } else { Ok(text) }
}

/// A word for the shell that cron runs; `%` is a line break to cron, even in quotes.
fn word(text: &str) -> Result<String, Unfit> {
    let quoted = shlex::try_quote(checked(text)?).map_err(|_| Unfit::new(text))?;
    Ok(quoted.replace('%', "\\%"))
}
