//! BM25: which texts speak of some keywords most.
//!
//! Texts and keywords are compared word by word, in lower case. The formula is BM25+, with the usual k₁ = 1.5, b = 0.75
//! and δ = 1: every occurrence of a rare word counts, repetitions count ever less, and long texts are held to more.

use std::collections::{BTreeMap, BTreeSet};

use unicode_segmentation::UnicodeSegmentation;

const K1: f64 = 1.5;
const B: f64 = 0.75;
const DELTA: f64 = 1.0;

/// The words of some texts, ready to be searched.
#[derive(Clone, Debug)]
pub struct Bm25 {
    /// The number of words of each text, as a share of the average.
    lengths: Vec<f64>,
    /// For each word, the texts that hold it and how often.
    occurrences: BTreeMap<String, Vec<(usize, f64)>>,
}

impl Bm25 {
    /// Reads the texts.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut lengths: Vec<f64> = Vec::new();
        let mut occurrences: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
        for (index, text) in texts.into_iter().enumerate() {
            let mut length = 0.0;
            for word in words(text) {
                length += 1.0;
                let texts = occurrences.entry(word).or_default();
                match texts.last_mut() {
                    Some((last, count)) if *last == index => *count += 1.0,
                    _ => texts.push((index, 1.0)),
                }
            }
            lengths.push(length);
        }
        // A text without words is never scored, so an average of zero divides nothing.
        let average = lengths.iter().sum::<f64>() / lengths.len() as f64;
        lengths.iter_mut().for_each(|length| *length /= average);
        Self { lengths, occurrences }
    }

    /// The score of each text: over all keywords, the weight times the scores of the keyword's words. A text that holds
    /// none of them scores 0. Weights that are not finite count as 0.
    pub fn scores(&self, keywords: &[(String, f64)]) -> Vec<f64> {
        let mut scores = vec![0.0; self.lengths.len()];
        for (keyword, weight) in keywords.iter().filter(|(_, weight)| weight.is_finite()) {
            for word in words(keyword) {
                let texts = self.occurrences.get(&word).map_or(&[][..], Vec::as_slice);
                let rarity = ((self.lengths.len() as f64 + 1.0) / texts.len() as f64).ln();
                for &(index, count) in texts {
                    let (Some(length), Some(score)) = (self.lengths.get(index), scores.get_mut(index)) else {
                        continue;
                    };
                    let saturation = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                    *score += weight * rarity * (saturation + DELTA);
                }
            }
        }
        scores
    }

    /// The `k` texts that score best, as indices in ascending order. Of equal texts the earlier are taken. A text that
    /// scores 0 or less is never taken, so there may be fewer.
    pub fn top(&self, keywords: &[(String, f64)], k: usize) -> Vec<usize> {
        let scores = self.scores(keywords);
        let mut ranked: Vec<_> = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).collect();
        // The sort is stable, so equal texts stay in order.
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let best: BTreeSet<usize> = ranked.into_iter().take(k).map(|(index, _)| index).collect();
        best.into_iter().collect()
    }
}

/// The words of a text as Unicode tells them apart, in lower case and without the English possessive.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().map(|word| {
        let word = word.to_lowercase();
        let stem = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).map(str::len);
        let mut word = word;
        word.truncate(stem.unwrap_or(word.len()));
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords(words: &[(&str, f64)]) -> Vec<(String, f64)> {
        words.iter().map(|(word, weight)| ((*word).to_owned(), *weight)).collect()
    }

    #[test]
    fn words_are_compared_in_lower_case_and_without_possessives() {
        let found: Vec<_> = words("The PATIENT’s µ-value, naïve; Dr. Weiß's 3.5 mg\u{0}造影剤").collect();
        assert_eq!(found, ["the", "patient", "µ", "value", "naïve", "dr", "weiß", "3.5", "mg", "造", "影", "剤"]);
    }

    /// The formula, worked out by hand for two texts of one and three words.
    #[test]
    fn scores_follow_the_formula() {
        let scores = Bm25::new(["agent", "agent agent dye"]).scores(&keywords(&[("agent", 2.0)]));
        let rarity = 1.5_f64.ln();
        let first = 2.0 * rarity * (2.5 / (1.0 + 1.5 * (0.25 + 0.75 * 0.5)) + 1.0);
        let second = 2.0 * rarity * (5.0 / (2.0 + 1.5 * (0.25 + 0.75 * 1.5)) + 1.0);
        let expected = [first, second];
        assert!(scores.iter().zip(expected).all(|(score, expected)| (score - expected).abs() < 1e-12), "{scores:?}");
    }

    #[test]
    fn equal_texts_are_taken_in_order() {
        let bm25 = Bm25::new(["dye", "", "dye", "agent", "dye"]);
        assert_eq!(bm25.top(&keywords(&[("dye", 1.0)]), 2), [0, 2]);
        assert_eq!(bm25.top(&keywords(&[("dye", 1.0), ("agent", 3.0)]), 2), [0, 3]);
    }

    #[test]
    fn a_text_without_any_keyword_is_never_taken() {
        let bm25 = Bm25::new(["dye", "agent", "none"]);
        assert_eq!(bm25.top(&keywords(&[("dye", 1.0), ("agent", f64::NAN), ("…", 1.0)]), 9), [0]);
        assert!(Bm25::new([]).top(&keywords(&[("dye", 1.0)]), 9).is_empty());
        assert!(Bm25::new(["", ""]).top(&keywords(&[("dye", 1.0)]), 9).is_empty());
    }
}
