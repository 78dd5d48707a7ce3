//! Chunking, selecting and citing: against the reference's vectors, and against any text at all.

use minions_protocol::{
    Bm25, Chunk, ChunkBy, ChunkError, Chunking, Keyword, Select, SelectError, chunk, locate_citation, select,
};
use minions_tests::fixtures;
use proptest::prelude::*;
use serde_json::Value;

const EVERY_WAY: [ChunkBy; 6] =
    [ChunkBy::Section, ChunkBy::Page, ChunkBy::Paragraph, ChunkBy::Sentence, ChunkBy::Code, ChunkBy::None];

fn cut(document: &str, by: ChunkBy, size: usize, overlap: usize) -> Vec<Chunk<'_>> {
    chunk(document, &Chunking { by, size, overlap }).expect("the document can be cut so")
}

fn texts(chunks: &[Chunk<'_>]) -> Vec<String> {
    chunks.iter().map(|chunk| chunk.text.clone().into_owned()).collect()
}

// --- the reference's vectors ---

/// Documents, and the chunks that the reference makes of them.
fn vectors() -> Vec<(String, Value)> {
    let vectors = fixtures("chunking").into_iter().flat_map(|(_, vectors)| match vectors {
        Value::Object(vectors) => vectors.into_iter().collect::<Vec<_>>(),
        _ => panic!("the vectors are an object"),
    });
    vectors.collect()
}

fn assert_same_chunks(name: &str, way: &Chunking) {
    for (document, vector) in vectors() {
        let text = vector["doc"].as_str().expect("a vector has a document");
        let mut expected: Vec<&str> =
            vector[name].as_array().expect("a vector has chunks").iter().map(|chunk| chunk.as_str().unwrap()).collect();
        // The reference makes one empty page of an empty document; ours makes none, so that it costs no job.
        expected.retain(|chunk| !chunk.is_empty());
        let chunks = chunk(text, way).expect("the document can be cut so");
        assert_eq!(texts(&chunks), expected, "{document} {name}");
    }
}

#[test]
fn pages_are_the_references() {
    assert_same_chunks("page", &ChunkBy::Page.into());
}

#[test]
fn paragraphs_are_the_references() {
    assert_same_chunks("paragraph_1500_0", &ChunkBy::Paragraph.into());
    assert_same_chunks("paragraph_800_2", &Chunking { by: ChunkBy::Paragraph, size: 800, overlap: 2 });
}

// --- each way of cutting ---

#[test]
fn sections_are_windows_of_code_points() {
    assert_eq!(texts(&cut("ab🙂cdé", ChunkBy::Section, 4, 1)), ["ab🙂c", "cdé"]);
    assert_eq!(texts(&cut("abcdef", ChunkBy::Section, 4, 2)), ["abcd", "cdef", "ef"]);
    assert_eq!(texts(&cut("abc", ChunkBy::Section, usize::MAX, 0)), ["abc"]);
}

#[test]
fn a_long_page_is_cut_like_a_section() {
    assert_eq!(texts(&cut("abcdef\u{c}gh\n7\nij", ChunkBy::Page, 4, 1)), ["abcd", "def", "gh\n", "\nij"]);
}

#[test]
fn pages_know_their_marks() {
    let marks = [
        "Page 3",
        "PAGE 3 OF 10",
        "(3)",
        "__ 3 __",
        "- ٣ -",
        "=== page 3 ===",
        "---\n a page ---",
        " < page > ",
        "[Page\t3]",
    ];
    for mark in marks {
        assert_eq!(texts(&cut(&format!("a\n{mark}\r\nb"), ChunkBy::Page, 9, 0)), ["a\n", "\nb"], "{mark}");
    }
    for text in ["see page 3", "Page 3 says", "3 mg", "--- text ---", "[page 3] says", "Page three", "3.5"] {
        assert_eq!(texts(&cut(text, ChunkBy::Page, 99, 0)), [text]);
    }
}

#[test]
fn a_page_mark_takes_the_blank_lines_behind_it() {
    assert_eq!(texts(&cut("a\n\n1\n \n\nb", ChunkBy::Page, 9, 0)), ["a\n", "\nb"]);
}

#[test]
fn paragraphs_repeat_the_last_sentences() {
    let document = "One two. Three  four. Five.\r\n\r\nSix seven. Eight.";
    assert_eq!(
        texts(&cut(document, ChunkBy::Paragraph, 30, 2)),
        ["One two. Three  four. Five.", "Three  four. Five.\n\nSix seven. Eight."]
    );
}

#[test]
fn a_long_sentence_of_a_paragraph_stays_whole() {
    assert_eq!(
        texts(&cut("Short one. A much longer one here. End.", ChunkBy::Paragraph, 12, 0)),
        ["Short one.", "A much longer one here.", "End."]
    );
}

/// An overlap of many sentences would otherwise make each chunk one sentence longer than the last.
#[test]
fn an_overlap_that_repeats_everything_is_refused() {
    let document = "One. ".repeat(20_000);
    let chunking = Chunking { by: ChunkBy::Paragraph, size: 9000, overlap: 8999 };
    let error = ChunkError::OverlapTooLarge { size: 9000, overlap: 8999 };
    assert_eq!(chunk(&document, &chunking), Err(error));
    assert!(cut(&document, ChunkBy::Sentence, 9000, 8999).len() > 1);
}

#[test]
fn sentences_are_packed_with_their_overlap() {
    let document = "Dr. Who came. He saw 3.5 mg. Did he? Yes! 好。是的。";
    assert_eq!(
        texts(&cut(document, ChunkBy::Sentence, 16, 1)),
        ["Dr. Who came.", "He saw 3.5 mg.", "Did he? Yes! 好。", "好。是的。"]
    );
}

#[test]
fn a_sentence_that_is_too_long_is_cut() {
    assert_eq!(texts(&cut("abcdefghij. Kl.", ChunkBy::Sentence, 8, 0)), ["abcdefgh", "ij. Kl."]);
}

#[test]
fn a_sentence_is_found_behind_the_window_that_is_searched_at_once() {
    let document = format!("{}end. Now this. And that.", "word ".repeat(3000));
    let chunks = cut(&document, ChunkBy::Sentence, 12, 0);
    assert_eq!(texts(&chunks)[chunks.len() - 2..], ["Now this.", "And that."]);
}

#[test]
fn code_is_cut_before_definitions() {
    let python = "import os\n\n# Says it.\n@cache\ndef first():\n    return 1\n\nclass Second:\n    def a(self):\n        pass\n\n    def b(self):\n        pass\n";
    assert_eq!(
        texts(&cut(python, ChunkBy::Code, 60, 0)),
        [
            "import os\n\n# Says it.\n@cache\ndef first():\n    return 1\n\n",
            "class Second:\n    def a(self):\n        pass\n\n",
            "    def b(self):\n        pass\n"
        ]
    );
    let rust = "use a;\n/// Doc.\n#[test]\npub(crate) async fn one() {}\nimpl X for Y {\n    fn f() {}\n}\n";
    assert_eq!(
        texts(&cut(rust, ChunkBy::Code, 62, 0)),
        ["use a;\n/// Doc.\n#[test]\npub(crate) async fn one() {}\n", "impl X for Y {\n    fn f() {}\n}\n"]
    );
    let c = "#include <a.h>\n\nstatic int\nmain(int a,\n     int b)\n{\n  if (a) {\n  }\n}\n\nvoid g(void) {\n}\n";
    assert_eq!(
        texts(&cut(c, ChunkBy::Code, 60, 0)),
        [
            "#include <a.h>\n\n",
            "static int\nmain(int a,\n     int b)\n{\n  if (a) {\n  }\n}\n\n",
            "void g(void) {\n}\n"
        ]
    );
    let script = "export const a = 1;\nconst b = () => {\n};\nexport default class C {}\nfunction d() {}\n";
    assert_eq!(cut(script, ChunkBy::Code, 26, 0).len(), 4);
}

#[test]
fn a_text_without_definitions_is_cut_like_a_section() {
    let text = "Some words of no program at all.";
    assert_eq!(cut(text, ChunkBy::Code, 10, 2), cut(text, ChunkBy::Section, 10, 2));
}

#[test]
fn a_definition_that_is_too_long_is_cut_between_lines() {
    let text = "def f():\n    a = 1\n    b = 22222222222222\n";
    assert_eq!(texts(&cut(text, ChunkBy::Code, 20, 0)), ["def f():\n    a = 1\n", "    b = 222222222222", "22\n"]);
}

#[test]
fn an_empty_document_has_no_chunks() {
    for by in EVERY_WAY {
        assert_eq!(cut("", by, 10, 0), [], "{by:?}");
    }
}

/// What is linear takes seconds here even unoptimised; what is quadratic, an hour.
#[test]
fn hostile_documents_are_cut_soon() {
    let bytes = 1 << 18;
    for unit in
        ["\n", "\n\u{c}", "1\n", "---\n", "page\n", "(\n", ". ", "a.\u{301}", "a", "\"", "{\n", "def a():\n", "\r"]
    {
        let document = ". ".to_owned() + &unit.repeat(bytes / unit.len());
        for by in EVERY_WAY {
            for overlap in [0, 2999] {
                // Some make too many chunks, which is refused.
                let _ = chunk(&document, &Chunking { by, size: 3000, overlap });
            }
        }
    }
}

// --- any document, cut in any way ---

/// Texts of what chunkers look at: ends of lines and sentences, marks of pages, definitions, and odd characters.
fn document() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "\u{c}",
        "\u{a0}",
        "\0",
        ".",
        "! ",
        "? ",
        "...",
        "…",
        "-",
        "---",
        "===",
        "(",
        ")",
        "[",
        ">",
        "_",
        "page",
        "Page ",
        "of",
        "1",
        "23",
        "٣",
        "word",
        "Name",
        "é",
        "e\u{301}",
        "🙂",
        "👩‍👩‍👧",
        "שלום",
        "造影",
        "“",
        "'",
        "\u{ad}",
        "\u{200b}",
        "ﬁ",
        "İ",
        "ß",
        "def f():\n",
        "class A:",
        "    fn g() {",
        "{",
        "}\n",
        "// ",
        "@a\n",
        "const x = 1;\n",
        "\u{1f}",
    ];
    let piece = prop_oneof![9 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn way() -> impl Strategy<Value = Chunking> {
    let by = prop::sample::select(&EVERY_WAY[..]);
    (by, 1..40_usize).prop_flat_map(|(by, size)| (0..size).prop_map(move |overlap| Chunking { by, size, overlap }))
}

/// Code points that are not blank for any chunker.
fn ink(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control())
}

proptest! {
    #[test]
    fn chunks_stand_in_order_and_on_character_boundaries(document in document(), way in way()) {
        let chunks = chunk(&document, &way).unwrap();
        for chunk in &chunks {
            let slice = document.get(chunk.range.clone());
            prop_assert!(slice.is_some_and(|slice| !slice.is_empty()));
            prop_assert!(way.by == ChunkBy::Paragraph || slice == Some(&*chunk.text));
        }
        for pair in chunks.windows(2) {
            prop_assert!(pair[0].range.start <= pair[1].range.start && pair[0].range.end <= pair[1].range.end);
            prop_assert!(pair[0].range != pair[1].range);
        }
    }

    #[test]
    fn no_text_is_lost(document in document(), way in way()) {
        prop_assume!(way.by != ChunkBy::Page);
        let chunks = chunk(&document, &way).unwrap();
        let mut end = 0;
        for chunk in &chunks {
            let gap = document.get(end..chunk.range.start.max(end)).unwrap();
            prop_assert_eq!(ink(gap).collect::<String>(), "");
            let slice = document.get(chunk.range.clone()).unwrap();
            prop_assert!(ink(slice).eq(ink(&chunk.text)));
            end = end.max(chunk.range.end);
        }
        prop_assert_eq!(ink(&document[end..]).collect::<String>(), "");
    }

    #[test]
    fn chunks_are_no_longer_than_asked(document in document(), way in way()) {
        prop_assume!(!matches!(way.by, ChunkBy::Paragraph | ChunkBy::None));
        for chunk in chunk(&document, &way).unwrap() {
            prop_assert!(chunk.text.chars().count() <= way.size);
        }
    }
}

// --- selecting ---

fn keywords(words: &[&str]) -> Vec<Keyword> {
    words.iter().map(|word| Keyword::from(*word)).collect()
}

/// The reference compares letters instead of words, and misses the only chunk that holds the keyword.
#[test]
fn the_only_chunk_that_holds_a_keyword_is_found() {
    let mut letters: Vec<String> = (0..17)
        .map(|i| format!("Letter {i}. The patient's spine was examined; no quinine, a map of open pain."))
        .collect();
    letters[6] += " For the CT scan Omnipaque 240 was injected.";
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    let weighted = [("Omnipaque".to_owned(), 5.0), ("spine".to_owned(), 1.0)];
    let bm25 = Bm25::new(letters.iter().copied());
    assert_eq!(bm25.top(&weighted, 1), [6]);
    assert!(bm25.top(&weighted, 3).contains(&6));
    for top_k in [None, Some(3)] {
        let by_keyword = Select { keywords: keywords(&["omnipaque"]), top_k, ..Select::default() };
        assert_eq!(select(&letters, &by_keyword), Ok(vec![6]));
    }
}

#[test]
fn a_pattern_and_keywords_select_together() {
    let texts = ["dye 240", "dye", "agent 12", "contrast dye and agent 7", "none 9"];
    let by = |regex: Option<&str>, words: &[&str], top_k| {
        let wanted = Select { keywords: keywords(words), regex: regex.map(str::to_owned), top_k };
        select(&texts, &wanted).unwrap()
    };
    assert_eq!(by(None, &[], None), [0, 1, 2, 3, 4]);
    assert_eq!(by(Some(r"\d"), &[], Some(1)), [0, 2, 3, 4]);
    assert_eq!(by(Some(r"\d"), &["DYE", "agent"], None), [0, 2, 3]);
    assert_eq!(by(Some(r"\d"), &["dye", "agent"], Some(1)), [3]);
    assert_eq!(by(None, &["agent contrast"], None), [3]);
    assert_eq!(by(None, &["missing", "…"], None), [0_usize; 0]);
    assert_eq!(by(Some("z"), &["dye"], Some(2)), [0_usize; 0]);
    assert_eq!(by(None, &["dye"], Some(0)), [0_usize; 0]);
}

#[test]
fn a_keyword_without_a_positive_weight_selects_nothing() {
    for weight in [0.0, -1.0, f64::NAN] {
        for top_k in [None, Some(9)] {
            let keywords = vec![Keyword::Weighted { word: "dye".to_owned(), weight }];
            assert_eq!(select(&["dye"], &Select { keywords, top_k, regex: None }), Ok(vec![]));
        }
    }
}

#[test]
fn a_regex_bomb_is_refused_with_a_reason() {
    let error = |regex: String| select(&["a"], &Select { regex: Some(regex), ..Select::default() }).unwrap_err();
    assert_eq!(error("(((a{99}){99}){99}){99}".to_owned()), SelectError::PatternTooLarge);
    assert_eq!(error("a|".repeat(1000)), SelectError::PatternTooLong { chars: 2000 });
    assert!(matches!(error("(".repeat(900)), SelectError::PatternInvalid { .. }));
    assert!(error(r"(a)\1".to_owned()).to_string().contains("not valid"));
}

proptest! {
    #[test]
    fn select_stays_within_its_texts(
        texts in prop::collection::vec(document(), 0..8),
        words in prop::collection::vec(document(), 0..4),
        regex in prop::option::of(document()),
        top_k in prop::option::of(0..9_usize),
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let wanted = Select { keywords: keywords(&words), regex, top_k };
        if let Ok(selected) = select(&texts, &wanted) {
            prop_assert!(selected.is_sorted_by(|a, b| a < b));
            prop_assert!(selected.iter().all(|index| *index < texts.len()));
            prop_assert!(words.is_empty() || top_k.is_none_or(|k| selected.len() <= k));
        }
    }
}

// --- citing ---

proptest! {
    #[test]
    fn any_part_of_a_text_is_located(document in document(), cuts in any::<(prop::sample::Index, prop::sample::Index)>()) {
        let boundaries: Vec<usize> = document.char_indices().map(|(at, _)| at).chain([document.len()]).collect();
        let (a, b) = (*cuts.0.get(&boundaries), *cuts.1.get(&boundaries));
        let citation = &document[a.min(b)..a.max(b)];
        let found = locate_citation(citation, &document);
        // What holds nothing but blank space and punctuation cites nothing.
        prop_assert!(found.is_some() || !citation.chars().any(char::is_alphanumeric), "{:?}", citation);
        prop_assert!(found.is_none_or(|found| document.get(found).is_some_and(|found| !found.is_empty())));
    }

    #[test]
    fn any_citation_is_looked_for_without_panic(citation in document(), document in document()) {
        let found = locate_citation(&citation, &document);
        prop_assert!(found.is_none_or(|found| document.get(found).is_some_and(|found| !found.is_empty())));
    }
}

#[test]
fn a_citation_is_found_as_models_write_it() {
    let chunk = "The patient was given 100 cc of\nOmnipaque\u{a0}240 by intra-\nvenous injection – “without incident”.";
    for citation in [
        "\"given 100 cc of Omnipaque 240\"",
        "given 100 CC of omnipaque 240.",
        "given 100 cc … Omnipaque 240",
        "intravenous injection",
        "intra-venous injection - 'without incident'",
    ] {
        assert!(locate_citation(citation, chunk).is_some(), "{citation}");
    }
    for citation in ["", "Omnipaque 300", "Omnipaque 240 ... 100 cc", "the patient received"] {
        assert_eq!(locate_citation(citation, chunk), None, "{citation}");
    }
}
