//! Hides what is private, and puts it back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::detect::{Found, GAP, take_forms};
use super::fold::{fold, unescape};
use super::matcher::{Hit, Matcher, Needle};
use super::names::{Vocabulary, take_names};
use super::placeholder::{self, FORMS, Placeholder};
use super::{Privacy, PrivacyError, PrivateKind};

/// Replaces private strings by placeholders, and placeholders by what they stand for.
///
/// A string keeps its placeholder as long as the redactor lives. Strings of eight letters and digits or more (four, if the
/// user listed them) are hidden wherever they stand, shorter ones unless they are glued to other letters or digits: the
/// surname "Li" is not hidden in "listen".
pub struct Redactor {
    privacy: Privacy,
    vocabulary: Vocabulary,
    keep: Matcher,
    matcher: Matcher,
    /// The strings, in the order in which they were found. [`Needle::id`] is the place in this list.
    secrets: Vec<Secret>,
    /// The place of each folded string.
    known: HashMap<String, usize>,
    /// The place of the finding of each placeholder.
    placeholders: HashMap<Placeholder, usize>,
    findings: Vec<Finding>,
    /// Numbers that texts use themselves.
    reserved: HashSet<(PrivateKind, u32)>,
    last_numbers: HashMap<PrivateKind, u32>,
}

/// A private string and what stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub kind: PrivateKind,
    /// What the supervisor sees instead.
    pub placeholder: String,
    /// The string as it was first seen, on one line.
    pub text: String,
    /// How often it was hidden so far.
    pub count: u64,
}

/// A string that is hidden.
struct Secret {
    /// Where its finding is, once it has a placeholder.
    finding: Option<usize>,
    /// The place of the full name of which this is another form.
    full: Option<usize>,
    /// Hidden only where it begins with a capital: a surname that is a common word too.
    needs_capital: bool,
}

impl Redactor {
    /// Learns from the texts of a run, the documents and the task, what is private.
    ///
    /// All of them at once: which words are common, and which placeholders a text uses itself, is learned only here.
    pub fn new<'a>(privacy: &Privacy, texts: impl IntoIterator<Item = &'a str>) -> Result<Self, PrivacyError> {
        check(privacy)?;
        let mut redactor = Self {
            privacy: privacy.clone(),
            vocabulary: Vocabulary::default(),
            keep: Matcher::default(),
            matcher: Matcher::default(),
            secrets: Vec::new(),
            known: HashMap::new(),
            placeholders: HashMap::new(),
            findings: Vec::new(),
            reserved: HashSet::new(),
            last_numbers: HashMap::new(),
        };
        redactor.keep.add(privacy.keep.iter().enumerate().map(|(id, word)| Needle::new(id, word, false)));
        let texts: Vec<&str> = texts.into_iter().collect();
        for text in &texts {
            redactor.reserve(text);
        }
        let listed = privacy.names.iter().map(|name| Found { kind: PrivateKind::Listed, text: name.clone() });
        redactor.add(listed.collect());
        let mut found = Vec::new();
        let rests: Vec<String> = texts.iter().map(|text| redactor.take_forms(text, &mut found)).collect();
        for rest in &rests {
            redactor.vocabulary.learn(rest);
        }
        for rest in &rests {
            redactor.take_names(rest, &mut found);
        }
        redactor.add(found);
        Ok(redactor)
    }

    /// The text with every private string replaced, also those that no text before had.
    ///
    /// Redacting a redacted text changes nothing.
    pub fn redact(&mut self, text: &str) -> String {
        self.reserve(text);
        let mut text = text.to_owned();
        // A placeholder can make a new string of its neighbors, so until nothing changes: almost always twice.
        loop {
            self.learn(&text);
            let hidden = self.hide(&text);
            if hidden == text {
                return text;
            }
            text = hidden;
        }
    }

    /// The text with every placeholder replaced by the string as it was first seen. Forms such as `person_1`,
    /// `[PERSON 1]` or `\[PERSON\_1\]` are read as `[PERSON_1]`; unknown placeholders stay.
    pub fn restore(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len());
        let mut copied = 0;
        for (placeholder, range) in placeholder::find(text) {
            let Some(finding) = self.placeholders.get(&placeholder).and_then(|at| self.findings.get(*at)) else {
                continue;
            };
            restored.push_str(text.get(copied..range.start).unwrap_or_default());
            restored.push_str(&finding.text);
            copied = range.end;
        }
        restored.push_str(text.get(copied..).unwrap_or_default());
        restored
    }

    /// What was found so far. Other forms of a name are listed once they were hidden.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Keeps the numbers of what looks like a placeholder and is none of ours from being given.
    fn reserve(&mut self, text: &str) {
        for (placeholder, _) in placeholder::find(text) {
            if !self.placeholders.contains_key(&placeholder) {
                self.reserved.insert((placeholder.kind, placeholder.number));
            }
        }
    }

    /// Finds what is private in a text.
    fn learn(&mut self, text: &str) {
        let mut found = Vec::new();
        // Read as JSON where it could be: the "n" of an escaped line break is no part of the name after it.
        let unescaped = unescape(text);
        let rest = self.take_forms(unescaped.as_deref().unwrap_or(text), &mut found);
        self.take_names(&rest, &mut found);
        self.add(found);
    }

    /// Takes out what is ours and what is kept, and then what has a form.
    fn take_forms(&self, text: &str, found: &mut Vec<Found>) -> String {
        let text = replace(text, &self.protected(text), |_| GAP.to_owned());
        take_forms(&text, &self.privacy.kinds, found)
    }

    fn take_names(&self, rest: &str, found: &mut Vec<Found>) {
        if self.privacy.kinds.contains(&PrivateKind::Person) {
            take_names(rest, &self.vocabulary, self.privacy.capitalized_names, found);
        }
    }

    /// Our placeholders and the words to keep, in order and apart.
    fn protected(&self, text: &str) -> Vec<Range<usize>> {
        let ours = placeholder::find(text).filter(|(placeholder, _)| self.placeholders.contains_key(placeholder));
        let kept = self.keep.find(text).into_iter().map(|hit| hit.range);
        longest(ours.map(|(_, range)| range).chain(kept).map(|range| Hit { id: 0, range }), &[])
            .into_iter()
            .map(|hit| hit.range)
            .collect()
    }

    /// Adds strings to those that are hidden.
    fn add(&mut self, mut found: Vec<Found>) {
        // Full names first: "Mr. Doe" is another form of the name "John Doe" that comes later.
        found.sort_by_key(|found| found.kind == PrivateKind::Person && !found.text.contains(char::is_whitespace));
        let mut needles = Vec::new();
        for Found { kind, text } in found {
            let Some(full) = self.add_secret(&text, None, false, kind == PrivateKind::Listed, &mut needles) else {
                continue;
            };
            let number = self.next_number(kind);
            let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.give(full, Placeholder { kind, number, form: 0 }, one_line);
            if matches!(kind, PrivateKind::Person | PrivateKind::Listed) {
                for form in other_forms(&text, kind) {
                    let needs_capital = !form.contains([' ', '-']) && self.vocabulary.is_common(&form);
                    self.add_secret(&form, Some(full), needs_capital, false, &mut needles);
                }
            }
        }
        self.matcher.add(needles);
    }

    /// The place of a new string; `None` if it is known, kept or says nothing.
    fn add_secret(
        &mut self,
        text: &str,
        full: Option<usize>,
        needs_capital: bool,
        is_listed: bool,
        needles: &mut Vec<Needle>,
    ) -> Option<usize> {
        let folded = fold(text);
        let is_kept = self.privacy.keep.iter().any(|word| fold(word) == folded);
        if is_kept || !folded.contains(char::is_alphanumeric) {
            return None;
        }
        if let Some(known) = self.known.get(&folded) {
            // A surname that turns out to be private by itself is hidden in any letter case.
            if full.is_none()
                && let Some(secret) = self.secrets.get_mut(*known)
            {
                secret.needs_capital = false;
            }
            return None;
        }
        let id = self.secrets.len();
        self.secrets.push(Secret { finding: None, full, needs_capital });
        self.known.insert(folded, id);
        needles.push(Needle::new(id, text, is_listed));
        Some(id)
    }

    fn next_number(&mut self, kind: PrivateKind) -> u32 {
        let number = self.last_numbers.entry(kind).or_default();
        *number += 1;
        while self.reserved.contains(&(kind, *number)) {
            *number += 1;
        }
        *number
    }

    fn give(&mut self, secret: usize, placeholder: Placeholder, text: String) {
        let finding = self.findings.len();
        let name = placeholder.to_string();
        self.findings.push(Finding { kind: placeholder.kind, placeholder: name, text, count: 0 });
        self.placeholders.insert(placeholder, finding);
        if let Some(secret) = self.secrets.get_mut(secret) {
            secret.finding = Some(finding);
        }
    }

    /// Replaces what is known.
    fn hide(&mut self, text: &str) -> String {
        let hits = self.matcher.find(text).into_iter().filter(|hit| self.is_hidden(text, hit));
        let hits = longest(hits, &self.protected(text));
        let ranges: Vec<_> = hits.iter().map(|hit| hit.range.clone()).collect();
        let mut names = hits.iter().map(|hit| self.count(hit.id, text.get(hit.range.clone()).unwrap_or_default()));
        replace(text, &ranges, |_| names.next().unwrap_or_default())
    }

    fn is_hidden(&self, text: &str, hit: &Hit) -> bool {
        let needs_capital = self.secrets.get(hit.id).is_some_and(|secret| secret.needs_capital);
        !needs_capital || text.get(hit.range.clone()).is_some_and(|text| text.starts_with(char::is_uppercase))
    }

    /// Counts one more place of a string, and returns its placeholder.
    fn count(&mut self, id: usize, text: &str) -> String {
        let secret = self.secrets.get(id);
        if let Some(full) = secret.filter(|secret| secret.finding.is_none()).and_then(|secret| secret.full) {
            let placeholder = self.form_of(full);
            let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.give(id, placeholder, one_line);
        }
        let finding = self.secrets.get(id).and_then(|secret| secret.finding);
        let finding = finding.and_then(|finding| self.findings.get_mut(finding));
        finding.map_or_else(String::new, |finding| {
            finding.count += 1;
            finding.placeholder.clone()
        })
    }

    /// The next free placeholder for another form of a name.
    fn form_of(&mut self, full: usize) -> Placeholder {
        let finding = self.secrets.get(full).and_then(|secret| secret.finding).and_then(|at| self.findings.get(at));
        let own = finding.and_then(|finding| placeholder::find(&finding.placeholder).next());
        let kind = finding.map_or(PrivateKind::Person, |finding| finding.kind);
        let forms = own.into_iter().flat_map(|(own, _)| (1..=FORMS).map(move |form| Placeholder { form, ..own }));
        let free = forms.into_iter().find(|placeholder| !self.placeholders.contains_key(placeholder));
        free.unwrap_or_else(|| Placeholder { kind, number: self.next_number(kind), form: 0 })
    }
}

impl std::fmt::Debug for Redactor {
    /// Without the strings: what is private does not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("findings", &self.findings.len()).finish_non_exhaustive()
    }
}

fn check(privacy: &Privacy) -> Result<(), PrivacyError> {
    for name in &privacy.names {
        if !name.contains(char::is_alphanumeric) {
            return Err(PrivacyError::NotAName { name: name.clone() });
        }
        if privacy.keep.iter().any(|word| fold(word) == fold(name)) {
            return Err(PrivacyError::HiddenAndKept { word: name.clone() });
        }
    }
    Ok(())
}

/// How a person of that name may be called otherwise: by the surname, by the given name, by initial and surname.
fn other_forms(name: &str, kind: PrivateKind) -> Vec<String> {
    let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 1;
    let reordered = name.split_once(", ").map(|(surname, given)| format!("{given} {surname}"));
    let name = reordered.as_deref().unwrap_or(name);
    let words: Vec<&str> = name.split_whitespace().collect();
    let (Some(first), Some(last)) = (words.first(), words.last().filter(|last| is_word(last))) else {
        return Vec::new();
    };
    if words.len() < 2 || words.len() > 6 || !words.iter().all(|word| word.contains(char::is_alphabetic)) {
        return Vec::new();
    }
    let initial = first.chars().next().unwrap_or_default();
    let mut forms = vec![format!("{initial}. {last}"), format!("{last}, {initial}."), (*last).to_owned()];
    if is_word(first) && kind == PrivateKind::Person {
        forms.extend([format!("{first} {last}"), format!("{last}, {first}"), (*first).to_owned()]);
    }
    forms
}

/// The longest of overlapping hits, in order, none of which touches a protected range.
fn longest(hits: impl Iterator<Item = Hit>, protected: &[Range<usize>]) -> Vec<Hit> {
    let mut hits: Vec<Hit> = hits.collect();
    hits.sort_by_key(|hit| (std::cmp::Reverse(hit.range.len()), hit.range.start));
    let mut taken: BTreeMap<usize, usize> = protected.iter().map(|range| (range.start, range.end)).collect();
    hits.retain(|hit| {
        let is_free = taken.range(..hit.range.end).next_back().is_none_or(|(_, end)| *end <= hit.range.start);
        if is_free {
            taken.insert(hit.range.start, hit.range.end);
        }
        is_free
    });
    hits.sort_by_key(|hit| hit.range.start);
    hits
}

/// Replaces ranges, which are in order and apart.
fn replace(text: &str, ranges: &[Range<usize>], mut with: impl FnMut(&Range<usize>) -> String) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut copied = 0;
    for range in ranges {
        replaced.push_str(text.get(copied..range.start).unwrap_or_default());
        replaced.push_str(&with(range));
        copied = range.end;
    }
    replaced.push_str(text.get(copied..).unwrap_or_default());
    replaced
}
