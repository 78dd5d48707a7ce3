//! Placeholders such as `[PERSON_1]`, and the forms in which models write them back.
//!
//! `[PERSON_1A]`, `[PERSON_1B]` are other forms of the name `[PERSON_1]`: a surname alone, an initial and a surname.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::PrivateKind;
use super::fold::stands_alone;

/// Which string a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Placeholder {
    pub kind: PrivateKind,
    pub number: u32,
    /// 0 for the string itself, 1 for `A`, and so on.
    pub form: u8,
}

/// How many other forms of one name there can be.
pub(super) const FORMS: u8 = 26;

impl std::fmt::Display for Placeholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}_{}", self.kind.label(), self.number)?;
        if self.form > 0 {
            write!(f, "{}", char::from(b'A' + (self.form - 1) % FORMS))?;
        }
        f.write_str("]")
    }
}

/// Everything in a text that can be read as a placeholder: in brackets with `_`, `-`, a space or nothing before the
/// number, bare with `_` only, in any letter case, with the backslashes of Markdown.
pub(super) fn find(text: &str) -> impl Iterator<Item = (Placeholder, Range<usize>)> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        let labels: Vec<_> = PrivateKind::ALL.iter().map(|kind| kind.label()).collect();
        let labels = labels.join("|");
        let pattern =
            format!(r"(?i)\\*\[\s*({labels})(?:\\*_|[ -])?\s*([0-9]+)([a-z]?)\s*\\*\]|({labels})\\*_([0-9]+)([a-z]?)");
        Regex::new(&pattern).unwrap_or_else(|error| panic!("a pattern of ours is wrong: {error}"))
    });
    FORM.captures_iter(text).filter_map(move |found| {
        let range = found.get(0)?.range();
        let part = |group: usize| found.get(group).or_else(|| found.get(group + 3)).map(|part| part.as_str());
        let label = part(1)?;
        let kind = PrivateKind::ALL.into_iter().find(|kind| kind.label().eq_ignore_ascii_case(label))?;
        let number = part(2)?.parse().ok()?;
        let form = part(3)?.bytes().next().map_or(0, |letter| letter.to_ascii_uppercase() - b'A' + 1);
        stands_alone(text, &range).then_some((Placeholder { kind, number, form }, range))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str) -> Vec<String> {
        find(text).map(|(placeholder, _)| placeholder.to_string()).collect()
    }

    #[test]
    fn reads_what_models_make_of_them() {
        for text in [
            "[PERSON_1]",
            "[person_1]",
            "**[Person_1]**",
            "PERSON_1",
            "_PERSON_1_",
            "(person_1)",
            "[PERSON 1]",
            "[Person-1]",
            r"\[PERSON\_1\]",
            r"PERSON\_1",
            "[ PERSON_01 ]",
            "[[PERSON_1]]",
        ] {
            assert_eq!(forms(text), ["[PERSON_1]"], "{text}");
        }
        assert_eq!(forms("[PERSON_1A, PERSON_2b] and PERSON_12"), ["[PERSON_1A]", "[PERSON_2B]", "[PERSON_12]"]);
    }

    #[test]
    fn other_text_is_none() {
        for text in ["PERSON 1", "person 1", "person1", "XPERSON_1", "PERSON_1st", "[PERSON]", "salesperson_1", "[7]"] {
            assert!(forms(text).is_empty(), "{text}");
        }
    }
}
