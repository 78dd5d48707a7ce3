//! How tokens are written in a vocabulary, and so which bytes each stands for.

use std::collections::BTreeMap;

/// How tokens are written.
#[derive(Debug, PartialEq)]
pub enum Spelling {
    /// One character a byte, as in GPT-2.
    ByteLevel,
    /// As text, as SentencePiece does.
    Text {
        /// What stands for what: usually `▁` for a space.
        replacements: Vec<(String, String)>,
        /// Whether `<0xXX>` is a byte.
        byte_fallback: bool,
        /// Whether a space was put before the text, so that one goes when the text comes back.
        has_prefix_space: bool,
    },
}

impl Spelling {
    /// A function from the spelling of a token to the bytes that it stands for within a text.
    pub fn reader(&self) -> impl Fn(&str) -> Box<[u8]> {
        let bytes_by_char: BTreeMap<char, u8> = chars_by_byte().into_iter().zip(0..=255).collect();
        move |token| match self {
            Self::ByteLevel => {
                let bytes: Option<Box<[u8]>> = token.chars().map(|char| bytes_by_char.get(&char).copied()).collect();
                bytes.unwrap_or_else(|| token.as_bytes().into())
            }
            Self::Text { replacements, byte_fallback, .. } => {
                if let Some(byte) = byte(token).filter(|_| *byte_fallback) {
                    return [byte].into();
                }
                let replace = |text: String, (from, to): &(String, String)| text.replace(from, to);
                replacements.iter().fold(token.to_owned(), replace).into_bytes().into()
            }
        }
    }

    /// Whether the first space of a text is the vocabulary's, not the text's.
    pub fn has_prefix_space(&self) -> bool {
        matches!(self, Self::Text { has_prefix_space: true, .. })
    }
}

/// The byte of `<0xXX>`.
pub fn byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_hexadecimal = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hexadecimal.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// The character that stands for each byte in byte-level vocabularies (GPT-2, `encoder.py`: `bytes_to_unicode`):
/// itself if it is visible, otherwise the next one from U+0100.
pub fn chars_by_byte() -> [char; 256] {
    let mut next_invisible = '\u{100}'..;
    std::array::from_fn(|byte| match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => char::from(byte as u8),
        _ => next_invisible.next().unwrap_or_default(),
    })
}
