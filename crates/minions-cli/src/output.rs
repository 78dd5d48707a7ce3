//! What is said: the answer on the standard output, everything else on the standard error.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use minions_protocol::Outcome;

use crate::exit::{Exit, Failure};

/// Says something on the standard error. If nobody listens there, the work goes on.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// Prints the answer, or the whole outcome as JSON; says why there is none.
pub fn outcome(outcome: &Outcome, as_json: bool) -> Result<Exit, Failure> {
    if as_json {
        json(outcome)?;
    } else if let Some(answer) = &outcome.answer {
        let answer = if std::io::stdout().is_terminal() { harmless(answer) } else { Cow::Borrowed(&**answer) };
        print(&answer)?;
    }
    if outcome.answer.is_some() {
        return Ok(Exit::Answer);
    }
    let reason = outcome.reason.as_ref().map_or("The run ended without an answer.", |reason| &*reason.message);
    note(&format!("No answer: {reason}"));
    Ok(Exit::NoAnswer)
}

/// Prints the outcome as one JSON object.
pub fn json(outcome: &Outcome) -> Result<(), Failure> {
    let text = serde_json::to_string(outcome).map_err(|error| Failure::input(error.to_string()))?;
    print(&text)
}

/// Prints what was asked for.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    written.map_err(|error| Failure::input(format!("the answer cannot be written: {error}")))
}

/// The text without control characters: a model's words must not move the cursor or rename the window.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let is_control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if text.contains(is_control) { Cow::Owned(text.replace(is_control, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_sent_no_control_characters() {
        assert_eq!(harmless("a\tb\n\u{1b}]0;title\u{7}é"), "a\tb\n\u{fffd}]0;title\u{fffd}é");
        assert!(matches!(harmless("plain"), Cow::Borrowed("plain")));
    }
}
