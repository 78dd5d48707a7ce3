//! Embeddings against those that `transformers` computes (`tools/parity/embeddings`).

use minions_cli::FileSource;
use minions_engine::{Compute, Engine, Error, LoadOptions, Pooling};
use minions_tests::workspace;
use serde::Deserialize;

/// Of vectors of length 1, with float32 sums in another order.
const TOLERANCE: f32 = 2e-5;

#[derive(Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
    mean: Vec<f32>,
    last: Vec<f32>,
}

#[tokio::test]
async fn they_are_those_that_transformers_computes() {
    let goldens = goldens();
    let texts: Vec<String> = goldens.iter().map(|golden| golden.text.clone()).collect();
    for engine in [load(Compute::cpu("this is the CPU's test"), 512).await, load(gpu().await, 512).await] {
        let adapter = &engine.adapter().name;
        for pooling in [Pooling::Mean, Pooling::Last] {
            let vectors = engine.embed(&texts, pooling).await.expect("the texts fit");
            assert_eq!(vectors.len(), goldens.len());
            for (golden, vector) in goldens.iter().zip(vectors) {
                let expected = if pooling == Pooling::Mean { &golden.mean } else { &golden.last };
                assert_eq!(vector.len(), expected.len());
                let error = vector.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
                assert!(error <= TOLERANCE, "{adapter}, {pooling:?}, {} tokens: {error}", golden.ids.len());
            }
        }
    }
}

/// Texts share steps, and one that is longer than what is left of a step goes on in the next: alone each gives the same.
#[tokio::test]
async fn a_text_has_the_same_vector_in_any_company() {
    let goldens = goldens();
    let texts: Vec<String> = goldens.iter().map(|golden| golden.text.clone()).collect();
    // No longer than the longest text: the cache has room for that one alone.
    let longest = goldens.iter().map(|golden| golden.ids.len()).max().expect("there are texts");
    let engine = load(Compute::cpu("this is the CPU's test"), longest).await;
    for pooling in [Pooling::Mean, Pooling::Last] {
        let company = [texts.clone(), texts.iter().rev().cloned().collect()].concat();
        let together = engine.embed(&company, pooling).await.expect("the texts fit");
        for (text, vector) in company.iter().zip(together) {
            let alone = engine.embed(std::slice::from_ref(text), pooling).await.expect("the text fits");
            let error = vector.iter().zip(&alone[0]).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
            assert!(error <= TOLERANCE, "{pooling:?}: {error}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_embedded_is_named() {
    let engine = load(Compute::cpu("this is the CPU's test"), 64).await;
    let texts = ["words".to_owned(), String::new()];
    let error = engine.embed(&texts, Pooling::Mean).await.expect_err("there is nothing in it");
    assert!(matches!(&error, Error::InvalidRequest(message) if message.contains("text 1")), "{error}");
    let error = engine.embed(&["word ".repeat(500)], Pooling::Last).await.expect_err("it is too long");
    assert!(matches!(error, Error::ContextOverflow { context_length: 64, .. }), "{error}");
    assert_eq!(engine.embed(&[], Pooling::Mean).await.expect("nothing is no error"), Vec::<Vec<f32>>::new());
}

fn goldens() -> Vec<Golden> {
    let bytes = std::fs::read(workspace().join("tests/fixtures/embeddings/demo-worker.json")).expect("the goldens");
    serde_json::from_slice(&bytes).expect("goldens as export.py writes them")
}

async fn gpu() -> Compute {
    Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")
}

async fn load(compute: Compute, context_length: usize) -> Engine {
    let (source, main) = FileSource::open(&workspace().join("tests/fixtures/demo-worker")).expect("the model's path");
    let options = LoadOptions { context_length: Some(context_length), ..LoadOptions::default() };
    Engine::load(compute, source, &main, options, &mut |_| {}).await.expect("the model loads")
}
