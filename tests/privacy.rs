//! The privacy mode and the price table: what is hidden, what is not, and that it all comes back.

use std::collections::BTreeSet;

use minions_chat::Usage;
use minions_protocol::{PriceError, PriceTable, Privacy, PrivacyError, PrivateKind, Redactor};
use proptest::prelude::*;
use serde_json::Value;

const REFERENCE: &str = include_str!("fixtures/privacy/pii_regex.json");

fn redactor(texts: &[&str]) -> Redactor {
    Redactor::new(&Privacy::default(), texts.iter().copied()).expect("the default privacy is valid")
}

fn listing(names: &[&str]) -> Privacy {
    Privacy { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Privacy::default() }
}

fn redact(text: &str) -> String {
    redactor(&[text]).redact(text)
}

fn found(text: &str, kind: PrivateKind) -> Vec<String> {
    let redactor = redactor(&[text]);
    redactor.findings().iter().filter(|finding| finding.kind == kind).map(|finding| finding.text.clone()).collect()
}

/// Where the reference differs on purpose: it finds parts of telephone numbers and of web addresses, a social security
/// number in a postal code, and it calls every date a date of birth.
#[test]
fn finds_what_the_reference_finds_and_whole() {
    let cases: Vec<Value> = serde_json::from_str(REFERENCE).unwrap();
    let text = cases[0]["in"].as_str().unwrap();
    let ours = |kind| found(text, kind);
    let reference = |key: &str| -> Vec<String> { serde_json::from_value(cases[0]["out"][key].clone()).unwrap() };
    assert_eq!(ours(PrivateKind::Email), reference("emails"));
    assert_eq!(ours(PrivateKind::CreditCard), reference("credit_cards"));
    assert_eq!(ours(PrivateKind::IpAddress), reference("ip_addresses"));
    assert_eq!(ours(PrivateKind::Date), reference("dates_of_birth"));
    assert_eq!(ours(PrivateKind::ZipCode), reference("zipcodes"));
    assert_eq!(ours(PrivateKind::Phone), ["(555) 123-4567", "+1 555-123-4567"]);
    assert_eq!(ours(PrivateKind::Ssn), ["123-45-6789"]);
    assert_eq!(ours(PrivateKind::Url), ["https://ex.com/a/b?q=1"]);
    assert_eq!(redact(cases[1]["in"].as_str().unwrap()), "", "an empty text is no error here");
}

#[test]
fn every_kind_is_found() {
    use PrivateKind::*;
    let cases = [
        (Person, "seen by Dr. Maria González-López today", "Maria González-López"),
        (Person, "Patient: John Q. Doe", "John Q. Doe"),
        (Person, "Name: doe, john", "doe, john"),
        (Person, "Attending: Smith", "Smith"),
        (Person, r#"{"name": "Ana Lima"}"#, "Ana Lima"),
        (Person, "we met Łukasz Żak in the hall", "Łukasz Żak"),
        (Person, "a letter of Vincent van der Berg came", "Vincent van der Berg"),
        (Person, "Did Will Smith come?", "Will Smith"),
        (Organization, "She works at Acme Widgets Inc. now", "Acme Widgets Inc"),
        (Organization, "at the University of Oslo", "University of Oslo"),
        (Address, "lives at 221 Old Baker Street since", "221 Old Baker Street"),
        (Email, "mail josé.o'neil+x@mail.example.org.", "josé.o'neil+x@mail.example.org"),
        (Phone, "call +44 20 7946 0958 now", "+44 20 7946 0958"),
        (Phone, "Tel: 5551234567", "5551234567"),
        (Phone, "01 23 45 67 89", "01 23 45 67 89"),
        (Ssn, "SSN: 123456789", "123456789"),
        (CreditCard, "2024 4111-1111-1111-1111", "4111-1111-1111-1111"),
        (BankAccount, "to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"),
        (Id, "MRN 123456", "123456"),
        (Id, "Medical Record Number: A-99-1234", "A-99-1234"),
        (Id, "NHS number 943 476 5919", "943 476 5919"),
        (IpAddress, "from 2001:db8::8a2e:370:7334, and", "2001:db8::8a2e:370:7334"),
        (IpAddress, "from 192.168.0.17.", "192.168.0.17"),
        (Date, "on 2020-01-31T10:00", "2020-01-31"),
        (Date, "am 31.12.1999 in", "31.12.1999"),
        (Date, "on the 5th of March 2021,", "5th of March 2021"),
        (Date, "le 14 juillet 1989", "14 juillet 1989"),
        (Date, "on March 5 at", "March 5"),
        (Date, "05JAN2020", "05JAN2020"),
        (Url, "(see http://ex.com/a_(b)).", "http://ex.com/a_(b)"),
        (ZipCode, "Stanford, CA 94305", "CA 94305"),
        (ZipCode, "London SW1A 1AA", "SW1A 1AA"),
    ];
    for (kind, text, private) in cases {
        assert!(found(text, kind).iter().any(|found| found == private), "{text}: {:?}", redactor(&[text]).findings());
    }
}

#[test]
fn findings_and_common_words_stay() {
    for text in [
        "The blood pressure was 160/100 and LDL 170 mg/dL, creatinine 1.2, at 12:30:45.",
        "Total Revenue was $3,502 million, or 12.5%, in fiscal 2015; 94305 units at 1.25.",
        "What is the Net Income? Compare the Operating Margin with the Gross Margin.",
        "MEDICAL HISTORY\nHypertension. Discharge Summary",
        "The ratio was 4:3, version 1.2.3, code a::b, range 100-2000, 10 to 12 patients in may 10 times.",
        "Order 4111 1111 1111 1112 is no card.",
        "His heart rate rose. Results: stable.",
    ] {
        assert_eq!(redact(text), text);
    }
    let text = "Omnipaque Dose was high. Every omnipaque dose is.";
    assert_eq!(redact(text), text, "what is written small elsewhere is no name");
}

#[test]
fn a_name_is_hidden_in_its_other_forms() {
    let text = "Patient: John Michael Doe. Mr. Doe came; j. doe, Doe, John and JOHN\n DOE’s wife; John left.";
    let mut redactor = redactor(&[text]);
    let hidden = redactor.redact(text);
    assert!(!hidden.to_lowercase().contains("doe") && !hidden.to_lowercase().contains("john"), "{hidden}");
    assert!(hidden.starts_with("Patient: [PERSON_1]. Mr. [PERSON_1A] came; [PERSON_1B], "), "{hidden}");
    assert_eq!(redactor.restore("[PERSON_1] is [PERSON_1A]"), "John Michael Doe is Doe");
}

#[test]
fn a_surname_that_is_a_word_is_hidden_only_with_a_capital() {
    let text = "Dr. Anna Young came. The young man met Young, and a young dog.";
    let hidden = redact(text);
    assert!(hidden.contains("The young man met [PERSON_1A], and a young dog."), "{hidden}");
}

#[test]
fn json_escapes_hide_nothing() {
    let mut redactor = Redactor::new(&listing(&["José \"Pepe\" Núñez"]), [""]).unwrap();
    for text in
        [r#"{"a":"x\nJos\u00e9 \"Pepe\"\nN\u00fa\u00f1ez"}"#, r#"{\"a\":\"x\\nJos\\u00e9 \\\"Pepe\\\" Núñez\"}"#]
    {
        assert!(!redactor.redact(text).contains("Jos"), "{}", redactor.redact(text));
    }
    let hidden = redactor.redact(r#"{"answer": "Seen:\nMrs. Ada Lovelace\nb@c.org"}"#);
    assert_eq!(hidden, r#"{"answer": "Seen:\nMrs. [PERSON_1]\n[EMAIL_1]"}"#);
}

#[test]
fn placeholders_of_the_text_itself_are_not_confused() {
    let text = "Template: Dear [PERSON_1], date_1 is a column. Mr. Alan Turing, 2020-01-31.";
    let mut redactor = redactor(&[text]);
    let hidden = redactor.redact(text);
    assert_eq!(hidden, "Template: Dear [PERSON_1], date_1 is a column. Mr. [PERSON_2], [DATE_2].");
    assert_eq!(redactor.restore(&hidden), text);
}

#[test]
fn restores_what_models_make_of_placeholders() {
    let redactor = redactor(&["Mr. Alan Turing"]);
    for form in ["[PERSON_1]", "[person_1]", "PERSON_1", "[PERSON 1]", r"\[PERSON\_1\]"] {
        assert_eq!(redactor.restore(&format!("**{form}**'s")), "**Alan Turing**'s", "{form}");
    }
    assert_eq!(redactor.restore("[PERSON_7] PERSON 1"), "[PERSON_7] PERSON 1");
}

#[test]
fn settings_are_obeyed() {
    let text = "Anna Bell wrote to a@b.org about Project Falcon.";
    let hide = |privacy: &Privacy| Redactor::new(privacy, [text]).unwrap().redact(text);
    let none = Privacy { kinds: BTreeSet::new(), ..listing(&["project  falcon"]) };
    assert_eq!(hide(&none), "Anna Bell wrote to a@b.org about [NAME_1].");
    let no_names = Privacy { capitalized_names: false, ..Privacy::default() };
    assert_eq!(hide(&no_names), "Anna Bell wrote to [EMAIL_1] about Project Falcon.");
    let kept = Privacy { keep: vec!["Anna Bell".into(), "project falcon".into()], ..Privacy::default() };
    assert_eq!(hide(&kept), "Anna Bell wrote to [EMAIL_1] about Project Falcon.");
}

#[test]
fn settings_are_read_from_json() {
    assert_eq!(serde_json::from_str::<Privacy>("{}").unwrap(), Privacy::default());
    let json = r#"{"names": ["x1"], "kinds": ["ip_address", "email"], "capitalizedNames": false, "keep": []}"#;
    let privacy: Privacy = serde_json::from_str(json).unwrap();
    assert_eq!(privacy.kinds, [PrivateKind::IpAddress, PrivateKind::Email].into());
    assert!(!privacy.capitalized_names);
}

#[test]
fn senseless_settings_are_refused() {
    let error = |privacy: &Privacy| Redactor::new(privacy, [""]).err().unwrap();
    assert_eq!(error(&listing(&[" - "])), PrivacyError::NotAName { name: " - ".into() });
    let both = Privacy { keep: vec!["ANNA bell".into()], ..listing(&["Anna  Bell"]) };
    assert!(matches!(error(&both), PrivacyError::HiddenAndKept { .. }));
}

#[test]
fn findings_say_what_was_hidden_and_debug_does_not() {
    let mut redactor = redactor(&["Mr. Alan\tTuring"]);
    redactor.redact("Alan Turing and ALAN TURING and x@y.org");
    let findings = redactor.findings();
    assert_eq!((findings[0].text.as_str(), findings[0].placeholder.as_str()), ("Alan Turing", "[PERSON_1]"));
    assert_eq!((findings[0].count, findings[1].count), (2, 1));
    assert!(!format!("{redactor:?}").contains("Turing"));
}

/// Ten thousand names in a megabyte: the time is not measured, but quadratic work would not end.
#[test]
fn large_documents_take_linear_time() {
    let mut text = String::new();
    for i in 0..10_000_u32 {
        let name: String = (0..6).map(|k| char::from(b'a' + ((i / 11_u32.pow(k)) % 11) as u8)).collect();
        text.push_str(&format!(
            "the patient Mr. Ka{name} Lu{name} has value {i} and mail {name}@x.org, nothing else to say. "
        ));
    }
    let mut redactor = redactor(&[&text]);
    assert!(redactor.findings().len() > 10_000);
    let hidden = redactor.redact(&text);
    assert!(!hidden.contains("Kaaa") && !hidden.contains("@x.org"));
}

/// Private strings, and what is detected of each.
fn private() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{3,8}\\.[a-z]{3,8}@[a-z]{3,9}\\.(com|org)",
        "[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}",
        "[0-9]{3}-[0-9]{2}-[0-9]{4}",
        "(1|2)[0-9]/0[1-9]/19[0-9]{2}",
        "https://[a-z]{3,9}\\.com/[a-z]{2,6}",
        "10\\.[0-9]{2}\\.1[0-9]{2}\\.[1-9]",
        "(Mr|Dr)\\. [A-Z][a-z]{2}q[a-z]{2} [A-Z][a-z]{2}z[a-z]{2}",
    ]
}

/// Texts around them: words, numbers, punctuation, brackets, white space, other scripts, backslashes.
fn filler() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ a-zA-Z0-9.,:;()\\[\\]\"'\\\\/\n-]{0,20}",
        "\\PC{0,12}",
        Just(" The patient has ".to_owned()),
        Just(" [PERSON_1] person_2 ".to_owned()),
        Just("\\n".to_owned()),
    ]
}

fn recased(text: &str, case: u8) -> String {
    match case {
        0 => text.to_owned(),
        1 => text.to_uppercase(),
        _ => text.to_lowercase(),
    }
}

fn normal(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_detected_or_listed_is_left(
        planted in prop::collection::vec((filler(), private(), 0_u8..3), 1..6),
        listed in "[A-Z][a-z]{3,6} [a-z]{3,5}[0-9]{1,3}",
        end in filler(),
    ) {
        // Each string stands once where it is detected, and then anywhere, in any case, glued to anything.
        let document: String = planted.iter().map(|(_, private, _)| format!("It is {private} .\n")).collect();
        let mut text = String::new();
        for (before, private, case) in &planted {
            text.push_str(&format!("{before}{}{before}{}", recased(private, *case), recased(&listed, *case)));
        }
        text.push_str(&end);
        let mut redactor = Redactor::new(&listing(&[&listed]), [document.as_str(), text.as_str()]).unwrap();
        let hidden = redactor.redact(&text);
        let folded = normal(&hidden);
        for (_, private, _) in &planted {
            let private = normal(private.trim_start_matches("Mr. ").trim_start_matches("Dr. "));
            prop_assert!(!folded.contains(&private), "{private} is left in {hidden:?} of {text:?}");
        }
        prop_assert!(!folded.contains(&normal(&listed)), "{listed} is left in {hidden:?}");
    }

    #[test]
    fn redacting_again_changes_nothing(
        document in prop::collection::vec((filler(), private()), 0..4),
        reply in prop::collection::vec((filler(), private()), 0..6),
    ) {
        let join = |parts: &[(String, String)]| parts.iter().map(|(a, b)| format!("{a}{b}")).collect::<String>();
        let mut redactor = Redactor::new(&listing(&["Kap", "person"]), [join(&document).as_str()]).unwrap();
        let once = redactor.redact(&join(&reply));
        prop_assert_eq!(redactor.redact(&once), once);
    }

    #[test]
    fn what_was_hidden_comes_back(
        parts in prop::collection::vec(("[ a-zA-Z0-9.,:;()\\[\\]\"'/\n-]{0,20}", private(), 0_u8..3), 0..6),
    ) {
        let text: String = parts.iter().map(|(a, b, case)| format!("{a}{}", recased(b, *case))).collect();
        let mut redactor = Redactor::new(&Privacy::default(), [text.as_str()]).unwrap();
        let hidden = redactor.redact(&text);
        prop_assert_eq!(normal(&redactor.restore(&hidden)), normal(&text));
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        let mut redactor = Redactor::new(&Privacy::default(), [text.as_str()]).unwrap();
        let once = redactor.redact(&text);
        prop_assert_eq!(redactor.redact(&once), once);
    }
}

#[test]
fn cached_tokens_cost_less_and_reasoning_is_part_of_the_reply() {
    let table = PriceTable::builtin();
    let price = table.price("gpt-4o").unwrap();
    let usage = Usage {
        prompt_tokens: 1_000_000,
        completion_tokens: 100_000,
        cached_tokens: 400_000,
        reasoning_tokens: 50_000,
        estimated: false,
    };
    assert!((price.cost(&usage) - (0.6 * 2.5 + 0.4 * 1.25 + 0.1 * 10.0)).abs() < 1e-9);
    let no_discount = minions_protocol::Price { cached_input: None, ..*price };
    assert!((no_discount.cost(&usage) - 3.5).abs() < 1e-9);
}

#[test]
fn the_longest_pattern_wins_and_providers_are_understood() {
    let table = PriceTable::builtin();
    let price = |model| table.price(model).map(|price| price.input);
    assert_eq!(price("gpt-4o-2024-08-06"), price("gpt-4o"));
    assert_eq!(price("openai/GPT-4o-mini"), price("gpt-4o-mini"));
    assert_ne!(price("gpt-4o-mini"), price("gpt-4o"));
    assert_eq!(price("openrouter/anthropic/claude-sonnet-4-5"), Some(3.0));
    assert_eq!(price("models/gemini-2.5-flash-lite"), Some(0.1));
    assert_eq!(price("some-model"), None);
}

#[test]
fn a_users_table_overrides() {
    let own = r#"{"version": "mine", "currency": "USD", "models": [{"model": "gpt-4o*", "input": 1, "output": 2}]}"#;
    let table = PriceTable::builtin().overridden_by(PriceTable::from_json(own).unwrap());
    assert_eq!(table.version, "mine");
    assert_eq!(table.price("gpt-4o").unwrap().input, 1.0);
    assert_eq!(table.price("o3").unwrap().input, 2.0);
    let euro = PriceTable::from_json(&own.replace("USD", "EUR")).unwrap();
    assert!(PriceTable::builtin().overridden_by(euro).price("o3").is_none(), "currencies do not mix");
}

#[test]
fn impossible_prices_are_refused() {
    let table =
        |models: &str| PriceTable::from_json(&format!(r#"{{"version":"","currency":"USD","models":[{models}]}}"#));
    let negative = table(r#"{"model":"a","input":-1,"output":2}"#);
    assert!(matches!(negative, Err(PriceError::NotAnAmount { field: "input", .. })));
    assert!(matches!(table(r#"{"model":"a","input":1e999,"output":2}"#), Err(PriceError::Json(_))));
    assert!(matches!(table(r#"{"model":" *","input":1,"output":2}"#), Err(PriceError::NoModel { row: 1 })));
    assert!(matches!(table(r#"{"model":"a"}"#), Err(PriceError::Json(_))));
}
