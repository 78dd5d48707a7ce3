//! Finds every occurrence of many strings in one pass over a text.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::fold::{Folded, fold, stands_alone};

/// Strings of this many letters and digits are found inside longer words too; shorter ones are parts of too many.
const LONG: usize = 8;
/// The same for strings that the user listed.
const LONG_LISTED: usize = 4;

/// The strings looked for.
#[derive(Default)]
pub(super) struct Matcher {
    /// Each layer is larger than the next, so that adding strings builds small automata, and few large ones.
    layers: Vec<Layer>,
}

struct Layer {
    needles: Vec<Needle>,
    automaton: AhoCorasick,
}

/// A string looked for.
#[derive(Clone)]
pub(super) struct Needle {
    /// What the caller calls it.
    pub id: usize,
    text: String,
    is_long: bool,
}

impl Needle {
    pub fn new(id: usize, text: &str, is_listed: bool) -> Self {
        let text = fold(text);
        let length = text.chars().filter(|c| c.is_alphanumeric()).count();
        Self { id, is_long: length >= if is_listed { LONG_LISTED } else { LONG }, text }
    }
}

/// Where a string was found.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub id: usize,
    pub range: Range<usize>,
}

impl Matcher {
    /// Looks for more strings.
    ///
    /// # Panics
    /// When the automaton would have 2³¹ states: that is gigabytes of private strings, more than the memory holds.
    pub fn add(&mut self, needles: impl IntoIterator<Item = Needle>) {
        let mut needles: Vec<_> = needles.into_iter().filter(|needle| !needle.text.is_empty()).collect();
        // A string with a backslash also has the form that reading escapes gives it.
        let unescaped = needles.iter().filter(|needle| needle.text.contains('\\'));
        let unescaped: Vec<_> =
            unescaped.map(|needle| Needle { text: Folded::new(&needle.text, true).text, ..needle.clone() }).collect();
        needles.extend(unescaped);
        if needles.is_empty() {
            return;
        }
        while self.layers.last().is_some_and(|last| last.needles.len() <= needles.len()) {
            needles.extend(self.layers.pop().into_iter().flat_map(|layer| layer.needles));
        }
        let automaton = AhoCorasick::new(needles.iter().map(|needle| &needle.text));
        let automaton = automaton.unwrap_or_else(|error| panic!("too many private strings: {error}"));
        self.layers.push(Layer { needles, automaton });
    }

    /// Every occurrence, also those that overlap, in JSON's escaped form too.
    pub fn find(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        if self.layers.is_empty() {
            return hits;
        }
        self.find_folded(text, &Folded::new(text, false), &mut hits);
        if text.contains('\\') {
            self.find_folded(text, &Folded::new(text, true), &mut hits);
        }
        hits
    }

    fn find_folded(&self, text: &str, folded: &Folded, hits: &mut Vec<Hit>) {
        for layer in &self.layers {
            for found in layer.automaton.find_overlapping_iter(&folded.text) {
                let Some(needle) = layer.needles.get(found.pattern().as_usize()) else { continue };
                if needle.is_long || stands_alone(&folded.text, &found.range()) {
                    let origin = folded.origin(found.range());
                    // A character that folds to several is hidden whole.
                    let range = text.floor_char_boundary(origin.start)..text.ceil_char_boundary(origin.end);
                    hits.push(Hit { id: needle.id, range });
                }
            }
        }
    }
}
