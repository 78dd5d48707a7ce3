//! What one server with OpenAI's wire answers, any may answer: every preset of it over every one of their answers.

use minions_providers::{PRESETS, WireKind};

use crate::cassette::{Cassette, all};

fn speaks_openai(cassette: &Cassette) -> bool {
    matches!(cassette.preset().wire, WireKind::OpenAi(_))
}

#[test]
fn every_provider_of_the_wire_understands_every_answer() {
    let cassettes: Vec<_> = all().into_iter().filter(speaks_openai).collect();
    for preset in PRESETS.iter().filter(|preset| matches!(preset.wire, WireKind::OpenAi(_))) {
        for cassette in &cassettes {
            let mut cassette = cassette.clone();
            cassette.base_url = Some("https://example.org/v1".to_owned());
            cassette.check(&cassette.play(preset, 64), &format!("as {}", preset.name));
        }
    }
}
