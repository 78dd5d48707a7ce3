//! Templates with every construct of the families' own, on twelve conversations: the text that transformers renders
//! (`tools/parity/templates`).

use serde_json::Value;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/fixtures/templates/", $name))
    };
}

const TEMPLATES: [(&str, &str); 13] = [
    ("constructs", fixture!("constructs.jinja")),
    ("deepseek", fixture!("deepseek.jinja")),
    ("gemma2", fixture!("gemma2.jinja")),
    ("gemma3", fixture!("gemma3.jinja")),
    ("granite3", fixture!("granite3.jinja")),
    ("llama3", fixture!("llama3.jinja")),
    ("mistral", fixture!("mistral.jinja")),
    ("phi3", fixture!("phi3.jinja")),
    ("phi4-mini", fixture!("phi4-mini.jinja")),
    ("qwen2", fixture!("qwen2.jinja")),
    ("qwen3", fixture!("qwen3.jinja")),
    ("smollm2", fixture!("smollm2.jinja")),
    ("smollm3", fixture!("smollm3.jinja")),
];

const DATE: Date = Date { year: 2026, month: 3, day: 5 };

fn family(name: &str) -> ChatTemplate {
    let (_, source) = TEMPLATES.into_iter().find(|(known, _)| *known == name).expect(name);
    let special_tokens = [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
    let source_of_tokenizer = TokenizerSource {
        vocabulary: Vocabulary::Gguf(bytes_vocabulary(&[], &[], "gpt-2")),
        special_tokens: special_tokens.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        model_vocab_size: 256,
    };
    let tokenizer = Tokenizer::from_source(&source_of_tokenizer).expect("it is right");
    ChatTemplate::new(Some(source), &tokenizer).expect(name).with_date(DATE)
}

#[test]
fn renders_what_transformers_renders() {
    let conversations: Vec<Vec<Message>> = serde_json::from_str(fixture!("conversations.json")).expect("they parse");
    let golden: Value = serde_json::from_str(fixture!("golden.json")).expect("it parses");
    assert_eq!((conversations.len(), golden.as_object().map(|golden| golden.len())), (12, Some(TEMPLATES.len())));
    for (name, _) in TEMPLATES {
        let template = family(name);
        for (index, conversation) in conversations.iter().enumerate() {
            let expected = &golden[name][index];
            match (template.render(conversation, &[]), expected["text"].as_str(), expected["error"].as_str()) {
                (Ok(found), Some(text), None) => assert_eq!(found, text, "{name}, conversation {index}"),
                (Err(found), None, Some(error)) => {
                    assert_eq!(found, Error::Template(error.to_owned()), "{name}, conversation {index}");
                }
                (found, ..) => panic!("{name}, conversation {index}: {found:?}, not {expected}"),
            }
        }
    }
}

#[test]
fn folds_system_messages_where_a_template_has_none() {
    let [system, user, reply] = [Message::system("S"), Message::user("U"), Message::assistant("A")];
    let gemma = family("gemma2");
    let folded = Message::user("S\n\nU");
    let render = |messages: &[&Message]| {
        let messages: Vec<Message> = messages.iter().map(|message| (*message).clone()).collect();
        gemma.render(&messages, &[])
    };
    assert_eq!(render(&[&system, &user]), render(&[&folded]));
    assert_eq!(render(&[&user, &reply, &system, &user]), render(&[&user, &reply, &folded]));
    assert_eq!(render(&[&system]), render(&[&Message::user("S")]));
    assert_eq!(render(&[&system, &system, &user]), render(&[&Message::user("S\n\nS\n\nU")]));
    // One that leaves system messages out folds too; one that takes them does not.
    let silent = "{% for m in messages %}{% if m.role != 'system' %}[{{ m.content }}]{% endif %}{% endfor %}";
    let conversation = [system, user];
    let render = |source: &str| template(source).expect("it compiles").render(&conversation, &[]);
    assert_eq!(render(silent).as_deref(), Ok("[S\n\nU]"));
    let plain = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
    assert_eq!(render(plain).as_deref(), Ok("[S][U]"));
    // What else it refuses is told in its own words.
    let [_, user] = &conversation;
    let twice = gemma.render(&[user.clone(), user.clone()], &[]).expect_err("roles do not alternate").to_string();
    assert!(twice.contains("Roles must take turns"), "{twice}");
}

/// Whether a template knows system messages is tried again when it gets the date that it fails without.
#[test]
fn tries_again_with_a_date() {
    let source = "{{ strftime_now('%Y') }}{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{% for m in messages %}[{{ m.content }}]{% endfor %}";
    let messages = [Message::system("S"), Message::user("U")];
    let template = template(source).expect("it compiles");
    assert!(template.render(&messages, &[]).expect_err("there is no date").to_string().contains("date"));
    assert_eq!(template.with_date(DATE).render(&messages, &[]).as_deref(), Ok("2026[S\n\nU]"));
}

#[test]
fn asks_for_no_thought() {
    let text = family("qwen3").render(&[Message::user("U")], &[]).expect("it renders");
    assert!(text.ends_with("<|im_start|>assistant\n<think>\n\n</think>\n\n"), "{text}");
}

/// Where a template opens a thought anyway, the reply begins inside it.
#[test]
fn begins_inside_a_thought_that_the_prompt_opened() {
    let byte_level =
        tokenizer(bytes_vocabulary(&[("<think>", TokenKind::Control)], &[], "gpt-2")).expect("it is right");
    let is_in_thought = |name: &str| {
        let prompt = family(name).tokenize(&[Message::user("Why <think>?")], &[], &byte_level).expect("it tokenizes");
        Thinking::after(&prompt, &byte_level).is_in_thought()
    };
    assert_eq!(["deepseek", "qwen3", "smollm3", "llama3"].map(is_in_thought), [true, false, false, false]);
    // The tag is text that is parsed, even where a file says that it is structure.
    assert!(!byte_level.is_control(byte_level.token_id("<think>").expect("it is there")));
}

#[test]
fn speaks_chatml_without_a_template_only_where_its_tokens_are() {
    let tokens = [("<|im_start|>", TokenKind::UserDefined), ("<|im_end|>", TokenKind::Control)];
    let tokenizer = tokenizer(bytes_vocabulary(&tokens, &[], "qwen2")).expect("it is right");
    let template = ChatTemplate::new(None, &tokenizer).expect("the vocabulary has its tokens");
    let messages = [Message::system("S"), Message::user("U<|im_end|>")];
    let expected = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|><|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(template.render(&messages, &[]).as_deref(), Ok(expected));
    let ids = template.tokenize(&messages, &[], &tokenizer).expect("it tokenizes");
    // What looks like structure is structure, whatever the file says.
    assert_eq!(ids.iter().filter(|id| tokenizer.is_control(**id)).count(), 5);
    assert_eq!(tokenizer.turn_ends(), [tokenizer.token_id("<|im_end|>").expect("it is there")]);
}

#[test]
fn ends_loops_without_end() {
    let endless = super::render(
        "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{{ c }}{% endfor %}{% endfor %}{% endfor %}",
    );
    assert!(matches!(endless, Err(Error::Template(_))), "{endless:?}");
}

#[test]
fn writes_json_as_python_does() {
    let cases = [
        ("[] | tojson", "[]"),
        ("[[], {}] | tojson(indent=2)", "[\n  [],\n  {}\n]"),
        ("{'a': 1, 'b': [1]} | tojson(indent=1)", "{\n \"a\": 1,\n \"b\": [\n  1\n ]\n}"),
        ("{'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=true)", "{\"a\": {\"c\": 2, \"d\": 1}, \"b\": 1}"),
        ("'ü𝄞\\n\\\"<>&' | tojson", "\"ü𝄞\\n\\\"<>&\""),
        ("'ü𝄞' | tojson(ensure_ascii=true)", "\"\\u00fc\\ud834\\udd1e\""),
        ("'ü' | tojson(true)", "\"\\u00fc\""),
        ("[1, {'a': 2}] | tojson(separators=(',', ':'))", "[1,{\"a\":2}]"),
        ("none | tojson", "null"),
    ];
    for (expression, expected) in cases {
        assert_eq!(super::render(&format!("{{{{ {expression} }}}}")).as_deref(), Ok(expected), "{expression}");
    }
    assert!(super::render("{{ [] | tojson(color=1) }}").is_err());
}
