//! SentencePiece's own map of characters: what each becomes before a text is cut into tokens.
//!
//! The map is a double-array trie over UTF-8 and the texts that its leaves point to. The `tokenizers` crate follows it
//! without looking where it leads, so it is walked here once, everywhere that a text could lead.

use tokenizers::normalizers::Precompiled;

use crate::error::{Error, Result};

/// No character becomes more (NFKC's longest takes 33 bytes): texts would grow without bound.
const MAX_TEXT_BYTES: usize = 128;

/// A map that has been checked.
pub fn charsmap(bytes: &[u8]) -> Result<Precompiled> {
    let wrong = |message: &str| Error::Tokenizer(format!("precompiled_charsmap: {message}"));
    let (size, rest) = bytes.split_first_chunk().ok_or_else(|| wrong("it is cut off"))?;
    let size = u32::from_le_bytes(*size) as usize;
    let (trie, texts) = rest.split_at_checked(size).ok_or_else(|| wrong("its trie is longer than the map"))?;
    let units: Vec<usize> = trie.as_chunks().0.iter().map(|unit| u32::from_le_bytes(*unit) as usize).collect();
    let texts = std::str::from_utf8(texts).map_err(|_| wrong("its texts are not UTF-8"))?;
    if !size.is_multiple_of(4) || units.is_empty() {
        return Err(wrong("its trie is not whole units"));
    }
    let text_fits = |at: usize| {
        let text = texts.get(at..)?;
        text.split('\0').next().filter(|text| text.len() <= MAX_TEXT_BYTES)
    };
    let outside = || wrong("its trie leads out of it");
    let mut seen = vec![false; units.len()];
    let mut bases = vec![offset(units[0])];
    while let Some(base) = bases.pop() {
        match seen.get_mut(base) {
            Some(seen) if *seen => continue,
            Some(seen) => *seen = true,
            None => return Err(outside()),
        }
        for byte in 1..=0xff {
            let at = base ^ byte;
            let unit = *units.get(at).ok_or_else(outside)?;
            if unit & (1 << 31 | 0xff) != byte {
                continue;
            }
            let next = at ^ offset(unit);
            let leaf = units.get(next).ok_or_else(outside)?;
            if unit >> 8 & 1 == 1 && text_fits(leaf & !(1 << 31)).is_none() {
                return Err(wrong("a character becomes a text that is too long, or not there"));
            }
            bases.push(next);
        }
    }
    Precompiled::from(bytes).map_err(|error| wrong(&error.to_string()))
}

/// How far a unit's children are from it.
fn offset(unit: usize) -> usize {
    unit >> 10 << ((unit & 1 << 9) >> 6)
}

/// The bytes that base64 stands for.
pub fn base64(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut len) = (0u32, 0);
    for char in text.trim_end_matches('=').bytes() {
        let value = match char {
            b'A'..=b'Z' => char - b'A',
            b'a'..=b'z' => char - b'a' + 26,
            b'0'..=b'9' => char - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(Error::Tokenizer("precompiled_charsmap: it is not base64".to_owned())),
        };
        bits = bits << 6 | u32::from(value);
        len += 6;
        if len >= 8 {
            len -= 8;
            bytes.push((bits >> len) as u8);
        }
    }
    Ok(bytes)
}
