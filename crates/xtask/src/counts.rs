//! How many tests ran, read from what the test runners print.

use std::iter::Sum;
use std::ops::Add;

/// Tests of one ring, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    /// One test that passed or failed.
    pub fn one(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
    }

    /// `12 passed, 0 failed`, and the skipped ones if there are any.
    pub fn line(&self) -> String {
        let line = format!("{} passed, {} failed", self.passed, self.failed);
        if self.skipped == 0 { line } else { format!("{line}, {} skipped", self.skipped) }
    }

    /// Adds a failure for a runner that failed without naming a test, or that ran none.
    pub fn judged(mut self, succeeded: bool) -> Self {
        if self.failed == 0 && (!succeeded || self.passed == 0) {
            self.failed = 1;
        }
        self
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Self::add)
    }
}

/// cargo test: `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`, once per test program.
pub fn cargo(output: &str) -> Counts {
    let results = output.lines().filter_map(|line| line.split_once("test result:"));
    results
        .map(|(_, result)| {
            let count = |label| result.split([';', '.']).find_map(|part| counted(part, label)).unwrap_or(0);
            Counts { passed: count("passed"), failed: count("failed"), skipped: count("ignored") }
        })
        .sum()
}

/// Playwright: lines like `  12 passed (30.1s)` at the end. A flaky test passed at a later try.
pub fn playwright(output: &str) -> Counts {
    let plain = without_colors(output);
    let count = |label| plain.lines().rev().find_map(|line| counted(line, label)).unwrap_or(0);
    Counts {
        passed: count("passed") + count("flaky"),
        failed: count("failed") + count("interrupted") + count("did not run"),
        skipped: count("skipped"),
    }
}

/// Node's runner: `ℹ pass 3` or, not on a terminal, `# pass 3`.
pub fn node(output: &str) -> Counts {
    let plain = without_colors(output);
    let count = |label: &str| {
        let mut values = plain.lines().rev().filter_map(|line| {
            let line = line.trim().trim_start_matches(['#', 'ℹ']).trim_start();
            line.strip_prefix(label)?.trim().parse::<u64>().ok()
        });
        values.next().unwrap_or(0)
    };
    Counts { passed: count("pass "), failed: count("fail ") + count("cancelled "), skipped: count("skipped ") }
}

/// The number in `12 passed` or `12 passed (30.1s)`.
fn counted(text: &str, label: &str) -> Option<u64> {
    let (number, rest) = text.trim().split_once(' ')?;
    let rest = rest.strip_prefix(label)?;
    (rest.is_empty() || rest.starts_with(" (")).then(|| number.parse().ok())?
}

fn without_colors(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_s_programs_are_added_up() {
        let output = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                      test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(cargo(output), Counts { passed: 3, failed: 3, skipped: 1 });
    }

    #[test]
    fn playwright_s_closing_lines_are_read() {
        let output = "Running 7 tests using 1 worker\n  \u{1b}[31m2 failed\u{1b}[39m\n    a.spec.ts:3:1 › b\n  1 flaky\n  1 skipped\n  3 passed (4.0s)\n";
        assert_eq!(playwright(output), Counts { passed: 4, failed: 2, skipped: 1 });
    }

    #[test]
    fn node_s_closing_lines_are_read_in_both_forms() {
        let expected = Counts { passed: 3, failed: 1, skipped: 0 };
        assert_eq!(node("ℹ tests 4\nℹ pass 3\nℹ fail 1\nℹ cancelled 0\nℹ skipped 0\n"), expected);
        assert_eq!(node("# tests 4\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 0\n"), expected);
    }

    #[test]
    fn a_runner_that_ran_nothing_has_failed() {
        assert_eq!(Counts::default().judged(true).failed, 1);
        assert_eq!(Counts { passed: 3, ..Counts::default() }.judged(false).failed, 1);
        assert_eq!(Counts { passed: 3, ..Counts::default() }.judged(true).failed, 0);
    }

    #[test]
    fn the_summary_is_one_plain_line() {
        assert_eq!(Counts { passed: 12, failed: 0, skipped: 0 }.line(), "12 passed, 0 failed");
        assert_eq!(Counts { passed: 12, failed: 1, skipped: 2 }.line(), "12 passed, 1 failed, 2 skipped");
    }
}
