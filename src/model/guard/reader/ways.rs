//! The ways in which one command is read where its variables may have several values.

use super::super::limits::Limit;
use super::super::shell::Shell;
use super::super::value::Value;
use super::Reader;

/// The most of them.
const MAX_WAYS: usize = 64;

impl Reader<'_> {
    /// Reads something in each way that its variables allow, and takes all of them as possible.
    pub(super) fn each_way<T>(
        &mut self,
        shell: &mut Shell,
        both: fn(T, T) -> T,
        mut read: impl FnMut(&mut Self, &mut Shell) -> Result<T, Limit>,
    ) -> Result<T, Limit> {
        if self.choice.follows {
            return read(self, shell);
        }
        // What follows copies the state, and the input for each call.
        let input = shell.stdin.text.as_ref().map_or(0, Value::size);
        self.budget.spend(shell.weight() / 8 + input / 4096)?;
        let before = shell.clone();
        let outer = std::mem::take(&mut self.choice);
        let mut all = read(self, shell)?;
        let met = std::mem::take(&mut self.choice.met);
        for way in ways(&met) {
            let named = met.iter().zip(way).map(|((name, _), pick)| (name.clone(), pick));
            self.choice.picks = named.collect();
            let mut other = before.clone();
            all = both(all, read(self, &mut other)?);
            shell.or(&other);
        }
        self.choice = outer;
        Ok(all)
    }
}

/// The ways to take one of several values each, but for the first of all. Where there are too many, those in which
/// every value is taken at least once are among them.
fn ways(met: &[(String, usize)]) -> Vec<Vec<usize>> {
    let number = |way: usize| {
        let mut rest = way;
        let pick = |(_, n): &(String, usize)| {
            let pick = rest % n;
            rest /= n;
            pick
        };
        met.iter().map(pick).collect()
    };
    let all = met.iter().fold(1_usize, |all, (_, n)| all.saturating_mul(*n));
    let mut ways: Vec<Vec<usize>> = (1..all.min(MAX_WAYS)).map(number).collect();
    if all > MAX_WAYS {
        let most = met.iter().map(|(_, n)| *n).max().unwrap_or(1);
        ways.extend((1..most).map(|way| met.iter().map(|(_, n)| way % n).collect()));
    }
    ways
}
