//! Every kernel against its twin, on this machine's adapter or a software one.

use minions_engine::{Compute, check_kernels};

#[tokio::test]
async fn kernels_agree_with_their_twins() {
    let compute =
        Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one");
    let checks = check_kernels(&compute).await.expect("the adapter runs the kernels");
    assert!(checks.len() > 100, "only {} cases were run", checks.len());
    let failures: Vec<_> = checks.into_iter().filter_map(|check| check.failure).collect();
    assert!(failures.is_empty(), "on {}:\n{}", compute.adapter().name, failures.join("\n"));
}

#[tokio::test]
async fn without_a_gpu_it_says_so() {
    let error = check_kernels(&Compute::cpu("there is none")).await.expect_err("twins have no twins");
    assert!(error.to_string().contains("GPU"), "{error}");
}
