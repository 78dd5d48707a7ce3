//! Finds names of persons: by their title, by the label before them, and by their capitals.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::PrivateKind;
use super::common_words::{is_common, is_given_name};
use super::detect::{Found, GAP};
use super::fold::fold;

/// How often the words of the documents are written small and with a capital.
#[derive(Default)]
pub(super) struct Vocabulary {
    words: HashMap<String, (usize, usize)>,
}

impl Vocabulary {
    /// Counts the words of a text.
    pub fn learn(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_alphabetic() && c != '\'' && c != '’' && c != '-') {
            let word = word.trim_matches(|c: char| !c.is_alphabetic());
            let Some(first) = word.chars().next() else { continue };
            let (small, capital) = self.words.entry(fold(word)).or_default();
            *if first.is_uppercase() { capital } else { small } += 1;
        }
    }

    /// Whether a word is no name by itself: the documents write it small at least as often as with a capital.
    pub fn is_common(&self, word: &str) -> bool {
        is_common(word) || self.words.get(&fold(word)).is_some_and(|(small, capital)| small >= capital)
    }
}

/// Takes names out of a text from which everything that has a form was taken out.
pub(super) fn take_names(text: &str, vocabulary: &Vocabulary, capitalized: bool, found: &mut Vec<Found>) {
    let mut push = |name: &str| found.push(Found { kind: PrivateKind::Person, text: name.to_owned() });
    for pattern in [&*TITLED, &*NAMED] {
        for captures in pattern.captures_iter(text) {
            if let Some(name) = captures.get(1).and_then(|name| without_common_end(name.as_str())) {
                push(name);
            }
        }
    }
    for captures in LABELED.captures_iter(text) {
        let name = captures.get(1).or_else(|| captures.get(2));
        let name = name.and_then(|name| without_common_end(name.as_str()));
        // "Patient: Stable" is no name, and "Patient: Doe" is one.
        if let Some(name) = name.filter(|name| name.split_whitespace().any(|word| !vocabulary.is_common(word))) {
            push(name);
        }
    }
    if capitalized {
        let text = TITLED.replace_all(text, GAP);
        for sequence in CAPITALIZED.find_iter(&text) {
            let before = text.get(..sequence.start()).unwrap_or_default();
            for name in names_in(sequence.as_str(), starts_sentence(before), vocabulary) {
                push(name);
            }
        }
    }
}

/// A name of a person in the form "J. R. Doe" or "Anna van der Berg".
const NAME: &str = r"(?:\p{Lu}(?:[\p{L}\p{M}]|['’-]\p{L})+|\p{Lu}\.)(?:[ \t\u{a0}]+(?:(?:van|von|de|del|della|der|den|di|da|dos|du|la|le|al|el|bin|ibn|ter|ten|zu|af|av)[ ]){0,2}(?:\p{Lu}(?:[\p{L}\p{M}]|['’-]\p{L})+|\p{Lu}\.))";

static TITLED: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        r"(?-u:\b)(?:(?i:mr|mrs|ms|mx|dr|prof|rev|hon|sra?|mme|mlle)\.?|Miss|Professor|Doctor|Sir|Madam|Judge|Justice|Nurse|Herr|Frau|Senator|President|Captain|Sergeant|Officer)[ \t\u{{a0}}]+(?:(?i:dr|prof|med)\.?[ ])*({NAME}{{0,3}})"
    ))
});

/// The label says that a name follows, in whatever case it is written.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"(?im)^[ \t"'{,*-]*(?:(?:patient|full|first|last|family|given|middle|maiden|client|customer|employee|student|member)(?:'s)?[ _]?)?(?:sur)?name["'*]*[ \t]*[:=][ \t"'*]*(\p{L}[\p{L}\p{M}'’.-]*(?:,?[ \t]\p{L}[\p{L}\p{M}'’.-]*){0,3})"#,
    )
});

/// The label says that a person follows.
static LABELED: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        r#"(?-u:\b)(?i:patient|pt|client|attending|physician|surgeon|provider|doctor|nurse|referred by|seen by|signed(?: by)?|prepared by|reviewed by|written by|author|from|to|cc|contact|attn|attention|dear|spouse|wife|husband|mother|father|guardian|next of kin|ceo|cfo|signatory|witness)["'*]*(?:[ \t]*[:=][ \t"'*]*|[ \t]+(?:name[ ]+)?)({NAME}{{1,3}}|\p{{Lu}}[\p{{L}}\p{{M}}'’-]+,[ ]\p{{Lu}}(?:[\p{{L}}\p{{M}}'’-]+|\.))|(?-u:\b)(?i:patient|attending|physician|surgeon|contact|dear|author)[ \t]*[:=][ \t]*(\p{{Lu}}[\p{{Ll}}'’-]+)"#
    ))
});

static CAPITALIZED: LazyLock<Regex> = LazyLock::new(|| compile(&format!("{NAME}+")));

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("a pattern of ours is wrong: {error}"))
}

/// A name up to its first common word, without what belongs to the sentence.
fn without_common_end(name: &str) -> Option<&str> {
    let mut end = 0;
    let mut at = 0;
    for word in name.split_inclusive(char::is_whitespace) {
        let bare = without_possessive(word.trim());
        if is_common(bare.trim_end_matches(',')) && !is_given_name(bare) {
            break;
        }
        end = at + bare.len();
        at += word.len();
    }
    let name = name.get(..end)?.trim_end_matches([',', '-', '\'', '’', ' ']);
    (name.chars().filter(|c| c.is_alphabetic()).count() > 1).then_some(name)
}

fn without_possessive(word: &str) -> &str {
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
}

/// The names in a sequence of capitalized words: cut at common words and at headings in capitals.
fn names_in<'a>(sequence: &'a str, starts_sentence: bool, vocabulary: &Vocabulary) -> Vec<&'a str> {
    let mut runs: Vec<Vec<(usize, &str)>> = vec![Vec::new()];
    let mut at = 0;
    for part in sequence.split_inclusive([' ', '\t', '\u{a0}']) {
        let word = without_possessive(part.trim());
        let start = at;
        at += part.len();
        if word.is_empty() {
            continue;
        }
        let is_first = start == 0 && starts_sentence;
        let is_initial = word.chars().count() == 2 && word.ends_with('.');
        let is_heading = !is_initial && word.chars().count() > 1 && !word.chars().any(char::is_lowercase);
        let is_cut =
            is_heading || (is_common(word) || (is_first && vocabulary.is_common(word))) && !is_given_name(word);
        if is_cut {
            runs.push(Vec::new());
        } else if let Some(run) = runs.last_mut() {
            run.push((start, word));
        }
        if part.trim().len() > word.len() {
            runs.push(Vec::new());
        }
    }
    runs.iter().filter_map(|run| name_of(sequence, run, vocabulary)).collect()
}

/// A run of capitalized words as a name: at least two, one of which the documents never use otherwise.
fn name_of<'a>(sequence: &'a str, run: &[(usize, &str)], vocabulary: &Vocabulary) -> Option<&'a str> {
    let capitals = run.iter().filter(|(_, word)| word.starts_with(char::is_uppercase));
    let is_telling = |word: &str| word.chars().count() > 2 && !vocabulary.is_common(word);
    let (first, last) = (run.first()?, run.last()?);
    let is_name = capitals.count() >= 2 && run.len() <= 6 && run.iter().any(|(_, word)| is_telling(word));
    sequence.get(first.0..last.0 + last.1.len()).filter(|_| is_name)
}

fn starts_sentence(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '"', '\'', '(', '*', '#', '-', '“', '•']);
    before.is_empty() || before.ends_with(['.', '!', '?', ':', '\n', '\r', ';', '\u{fffc}'])
}
