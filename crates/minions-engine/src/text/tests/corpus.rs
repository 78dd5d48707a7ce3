//! The corpus of `tools/parity/tokenizers/corpus.py`, made alike here: 1 MB of scripts, emoji, code, numbers, white space
//! and control characters in any order.

const SIZE_BYTES: usize = 1_000_000;

/// The groups of documents whose ids are hashed together.
pub const GROUPS: usize = 32;

/// A linear congruential generator (Knuth's MMIX), of which the upper bits are used.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// The corpus.
pub fn documents() -> Vec<String> {
    let fragments = include_str!("../../../../../tests/fixtures/tokenizers/fragments.json");
    let fragments: Vec<String> = serde_json::from_str(fragments).expect("they are texts");
    let mut random = Random(4);
    let mut documents = Vec::new();
    let mut size = 0;
    while size < SIZE_BYTES {
        let mut text = String::new();
        for _ in 0..1 + random.below(120) {
            let choice = random.below(100);
            let fragment = &fragments[random.below(fragments.len())];
            match choice {
                0..4 => text.push(char::from_u32(random.below(0x3_0000) as u32).unwrap_or(char::REPLACEMENT_CHARACTER)),
                4..8 => text.push_str(&fragment.repeat(2 + random.below(7))),
                8..50 => text.extend([" ", fragment]),
                _ => text.push_str(fragment),
            }
        }
        size += text.len();
        documents.push(text);
    }
    documents
}

/// FNV-1a over the ids of every document and a separator, in groups.
pub fn hashes(ids_by_document: impl Iterator<Item = Vec<u32>>) -> Vec<String> {
    let mut groups = [0xcbf2_9ce4_8422_2325_u64; GROUPS];
    for (index, ids) in ids_by_document.enumerate() {
        for token in ids.into_iter().chain([u32::MAX]) {
            let value = &mut groups[index % GROUPS];
            *value = (*value ^ u64::from(token)).wrapping_mul(0x100_0000_01b3);
        }
    }
    groups.iter().map(|value| format!("{value:016x}")).collect()
}
