//! What every kernel is launched on to be compared with its twin: whole launches as data.
//!
//! A [`Case`] names a shader and its slots and holds its buffers as words, its dispatch, and what the twin made of the same
//! inputs; a runner that knows nothing of kernels (native, or a page in a browser) launches them all. Shapes are odd on
//! purpose: one, a tile plus or minus one, heads of several models, sequences that end within a page. Data is small: a
//! software adapter runs all cases in seconds. Output buffers start out filled with [`UNTOUCHED`], so that a write past the
//! end of a row or a row left out shows.

use crate::cpu::*;
use crate::registry::ATTENTION_GROUPS;
use crate::step::{Adjustment, PAGE_SIZE, RowHeader, Sampling, TILE_ROWS, Tile, groups};
use crate::{Activation, KvFormat, Overlay, Params, Shader, Slots, WeightFormat, registry};

/// Initial value of every output element that is a float; ids start as its bits.
pub const UNTOUCHED: f32 = -7.5;

/// One launch and its expected outcome.
#[derive(Debug)]
pub struct Case {
    /// Specialisation and shape, for messages.
    pub label: String,
    /// Kernel.
    pub shader: &'static Shader,
    /// Its slots.
    pub slots: Slots,
    /// Contents of the input bindings, in binding order.
    pub inputs: Vec<Vec<u32>>,
    /// Output bindings, in binding order, after the inputs.
    pub outputs: Vec<Output>,
    /// The uniform block, bound after the outputs.
    pub params: Vec<u32>,
    /// Dispatch.
    pub workgroups: [u32; 3],
    /// Largest error, see [`Case::check`]; 0 compares words.
    pub tolerance: f32,
}

/// An output binding of a case.
#[derive(Debug)]
pub struct Output {
    /// Contents before the launch.
    pub initial: Vec<u32>,
    /// Contents after it, as the twin has them.
    pub expected: Vec<u32>,
    /// How the two are compared.
    pub comparison: Comparison,
}

/// How an output is compared with the twin's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Word by word.
    Words,
    /// As floats, by the case's tolerance.
    Floats,
    /// Heads of so many numbers as the cache's Q8_0 holds them: scales by a 127th of the case's tolerance, and of 64 bytes
    /// written one may be a step off, since what is rounded is not to the bit what the twin rounds.
    Q8_0 {
        /// Numbers of a head.
        head_dim: usize,
    },
}

impl Case {
    /// Compares the output buffers read back with the twin's. Gives the largest error, `|actual - expected| / max(1,
    /// |expected|)`, or a message that names the case and the worst place.
    pub fn check(&self, actual: &[Vec<u32>]) -> Result<f32, String> {
        let mut largest = 0.0_f32;
        for ((output, actual), name) in self.outputs.iter().zip(actual).zip(self.shader.output_bindings()) {
            if actual.len() < output.expected.len() {
                return Err(format!(
                    "{}: {name} has {} words, not {}",
                    self.label,
                    actual.len(),
                    output.expected.len()
                ));
            }
            let (mut steps_off, mut written) = (0, 0);
            for (i, (&expected, &actual)) in output.expected.iter().zip(actual).enumerate() {
                let tolerance = match output.comparison {
                    Comparison::Words => 0.0,
                    Comparison::Floats => self.tolerance,
                    Comparison::Q8_0 { head_dim } if i % KvFormat::Q8_0.words(head_dim) >= head_dim / 4 => {
                        self.tolerance / 127.0
                    }
                    Comparison::Q8_0 { .. } => match steps_between(expected, actual) {
                        Some(steps) => {
                            steps_off += steps;
                            written += usize::from(expected != output.initial[i]);
                            continue;
                        }
                        None => 0.0,
                    },
                };
                let (e, a) = (f32::from_bits(expected), f32::from_bits(actual));
                let error = if expected == actual { 0.0 } else { (a - e).abs() / e.abs().max(1.0) };
                let within = expected == actual || (tolerance > 0.0 && error <= tolerance);
                if !within {
                    let values =
                        if tolerance > 0.0 { format!("{a}, not {e}") } else { format!("{actual}, not {expected}") };
                    return Err(format!("{}: {name}[{i}] is {values} (error {error:e})", self.label));
                }
                largest = largest.max(error);
            }
            if steps_off * 16 > written {
                return Err(format!("{}: {steps_off} bytes of {name} are a step off", self.label));
            }
        }
        if actual.len() == self.outputs.len() { Ok(largest) } else { Err(format!("{}: outputs missing", self.label)) }
    }
}

/// How many of the signed bytes of two words are a step apart; `None` if any are further apart.
fn steps_between(a: u32, b: u32) -> Option<usize> {
    let steps = a.to_le_bytes().into_iter().zip(b.to_le_bytes()).map(|(a, b)| (a as i8).abs_diff(b as i8));
    steps.clone().all(|steps| steps <= 1).then(|| steps.map(usize::from).sum())
}

/// Every case, all shaders and specialisations.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    embed_cases(&mut cases);
    norm_cases(&mut cases);
    product_cases(&mut cases);
    quantize_cases(&mut cases);
    yardstick_cases(&mut cases);
    attention_cases(&mut cases);
    elementwise_cases(&mut cases);
    sample_cases(&mut cases);
    copy_cases(&mut cases);
    cases
}

/// Deterministic noise: a counter through a hash, the same on every machine.
#[derive(Clone, Debug)]
pub struct Noise(u32);

impl Noise {
    /// A stream per seed.
    pub const fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9))
    }

    /// Next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9);
        let mut x = self.0;
        x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad);
        x = (x ^ (x >> 15)).wrapping_mul(0x735a_2d97);
        x ^ (x >> 15)
    }

    /// Next value in -1 .. 1.
    pub fn value(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
    }

    /// Next `len` values in -1 .. 1.
    pub fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.value()).collect()
    }
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn untouched(len: usize) -> Vec<f32> {
    vec![UNTOUCHED; len]
}

/// Puts a launch together; `outputs` hold what the twin wrote over [`UNTOUCHED`].
fn case<P: Params>(
    shape: &str,
    slots: Slots,
    inputs: Vec<Vec<u32>>,
    params: P,
    outputs: &[&[f32]],
    tolerance: f32,
) -> Case {
    let shader = P::SHADER;
    assert_eq!(
        (inputs.len(), outputs.len()),
        (shader.input_bindings().len(), shader.outputs),
        "bindings of {}",
        shader.stem
    );
    let output = |values: &&[f32]| Output {
        initial: words(&untouched(values.len())),
        expected: words(values),
        comparison: Comparison::Floats,
    };
    Case {
        label: format!("{} {shape}", shader.name(slots)),
        shader,
        slots,
        inputs,
        outputs: outputs.iter().map(output).collect(),
        params: params.words(),
        workgroups: params.workgroups(slots),
        tolerance,
    }
}

/// A file's bytes of a matrix of noise, of such a size that products with noise are of the order of 1. Blocks are of any
/// bits at all, so that every bit counts.
fn matrix(noise: &mut Noise, format: WeightFormat, n: usize, k: usize) -> Vec<u8> {
    let size = 2.0 / (k as f32).sqrt();
    if format.block_len() == 1 {
        let weights: Vec<f32> = noise.values(n * k).iter().map(|w| w * size).collect();
        return format.encode(&weights);
    }
    let mut same = noise.clone();
    let unscaled = format.blocks_of_noise(n * k, 1.0, || same.bits());
    let largest = format.to_f32(&unscaled).iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
    format.blocks_of_noise(n * k, size / largest, || noise.bits())
}

fn embed_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(1);
    let shapes = [(1, 32, 1), (5, 64, 31), (3, 96, 65), (17, 288, 33), (2, 576, 7)];
    for (format, (rows, hidden, vocab)) in WeightFormat::ALL.into_iter().zip(shapes.into_iter().cycle()) {
        let hidden = usize::next_multiple_of(hidden, format.block_len());
        let weights = format.pack(&matrix(&mut noise, format, vocab, hidden), vocab, hidden);
        let headers: Vec<RowHeader> =
            (0..rows).map(|_| RowHeader { token: noise.bits() % (vocab as u32 + 6), ..Default::default() }).collect();
        let step = bytemuck::cast_slice(&headers).to_vec();
        let params = EmbedParams {
            rows: rows as u32,
            hidden: hidden as u32,
            vocab: vocab as u32 + 2,
            scale: 1.5,
            first: 2,
            count: vocab as u32,
            ..Default::default()
        };
        let mut out = untouched(rows * hidden);
        embed(format, &weights, &step, &params, &mut out);
        let shape = format!("rows {rows} hidden {hidden} vocab {vocab}");
        // Whatever the format, the weights themselves are exact.
        let tolerance = if format == WeightFormat::F16 { embed::TOLERANCE } else { 0.0 };
        cases.push(case(&shape, Slots::weights(format), vec![weights, step], params, &[&out], tolerance));
    }
}

fn norm_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(2);
    for (rows, hidden) in [(1, 32), (2, 64), (3, 96), (5, 288), (17, 576), (33, 36), (1, 2052)] {
        for slots in registry::RMS_NORM.specializations() {
            cases.push(rms_norm_case(&mut noise, slots, rows, hidden));
            cases.push(add_rms_norm_case(&mut noise, slots, rows, hidden));
        }
    }
}

fn rms_norm_case(noise: &mut Noise, slots: Slots, rows: usize, hidden: usize) -> Case {
    let (x, weight) = (noise.values(rows * hidden), noise.values(hidden));
    let params = RmsNormParams { rows: rows as u32, hidden: hidden as u32, eps: 1e-5, ..Default::default() };
    let mut out = untouched(rows * hidden);
    rms_norm(&x, &weight, &params, &mut out);
    let shape = format!("rows {rows} hidden {hidden}");
    case(&shape, slots, vec![words(&x), words(&weight)], params, &[&out], rms_norm::TOLERANCE)
}

fn add_rms_norm_case(noise: &mut Noise, slots: Slots, rows: usize, hidden: usize) -> Case {
    let (x, delta, weight) = (noise.values(rows * hidden), noise.values(rows * hidden), noise.values(hidden));
    let params = AddRmsNormParams {
        rows: rows as u32,
        hidden: hidden as u32,
        eps: 1e-5,
        delta_scale: 0.22,
        ..Default::default()
    };
    let (mut sum, mut out) = (untouched(rows * hidden), untouched(rows * hidden));
    add_rms_norm(&x, &delta, &weight, &params, &mut sum, &mut out);
    let inputs = vec![words(&x), words(&delta), words(&weight)];
    let shape = format!("rows {rows} hidden {hidden}");
    case(&shape, slots, inputs, params, &[&sum, &out], add_rms_norm::TOLERANCE)
}

fn elementwise_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(6);
    for (rows, n, softcap) in [(1, 1, 0.0), (3, 65, 2.0), (17, 300, 30.0), (2, 1025, 0.5)] {
        let (x, bias) = (noise.values(rows * n), noise.values(n));
        let shape = format!("rows {rows} n {n}");
        let mut out = untouched(rows * n);
        let params = AddBiasParams { rows: rows as u32, n: n as u32, ..Default::default() };
        add_bias(&x, &bias, &params, &mut out);
        let inputs = vec![words(&x), words(&bias)];
        cases.push(case(&shape, Slots::NONE, inputs, params, &[&out], add_bias::TOLERANCE));

        let scale = 12.5;
        let params = ScaleLogitsParams { rows: rows as u32, vocab: n as u32, scale, softcap, ..Default::default() };
        scale_logits(&x, &params, &mut out);
        cases.push(case(&shape, Slots::NONE, vec![words(&x)], params, &[&out], scale_logits::TOLERANCE));
    }
}

/// (rows, k, n) for few rows; each specialisation takes some of them in turn.
const FEW_ROWS: [(usize, usize, usize); 7] =
    [(1, 32, 1), (3, 96, 31), (5, 576, 65), (2, 64, 3), (17, 288, 64), (1, 576, 257), (9, 1056, 9)];
/// (rows, k, n) for many rows; each specialisation takes some of them in turn.
const MANY_ROWS: [(usize, usize, usize); 5] = [(33, 96, 65), (1, 32, 1), (17, 576, 31), (64, 64, 64), (70, 288, 129)];
/// Cases of a baseline and of an overlay.
const SHAPES: (usize, usize) = (2, 1);

/// f16 has 11 bits: sums of some hundred products, and for the gated ones what two such sums make.
const F16_TOLERANCE: f32 = 4e-3;

fn product_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(3);
    for (shader, shapes) in [
        (&registry::MATVEC, FEW_ROWS.as_slice()),
        (&registry::GATED_MATVEC, &FEW_ROWS),
        (&registry::MATMUL, &MANY_ROWS),
        (&registry::GATED_MATMUL, &MANY_ROWS),
    ] {
        let mut shapes = shapes.iter().cycle();
        for slots in shader.specializations() {
            let count = if slots.overlay.is_none() { SHAPES.0 } else { SHAPES.1 };
            for &shape in shapes.by_ref().take(count) {
                cases.push(product_case(&mut noise, shader, slots, shape));
            }
        }
    }
}

/// A product of one shape, in any specialisation.
fn product_case(noise: &mut Noise, shader: &Shader, slots: Slots, (rows, k, n): (usize, usize, usize)) -> Case {
    let format = slots.weights.expect("a product reads weights");
    let k = k.next_multiple_of(format.block_len());
    let mut x = noise.values(rows * k);
    let mut words_of_x = words(&x);
    if slots.overlay == Some(Overlay::Dp4a) {
        let params = QuantizeParams::new(rows, k, format);
        words_of_x = vec![0; params.out_len()];
        quantize(&x, &params, &mut words_of_x);
        x = dequantize(&words_of_x, &params);
    }
    let shape = format!("rows {rows} k {k} n {n}");
    let (r, kk, nn) = (rows as u32, k as u32, n as u32);
    let tolerance = |exact: f32| if slots.overlay == Some(Overlay::F16) { F16_TOLERANCE } else { exact };
    // As the second of three buffers of a matrix: what stands beside its columns is left alone.
    let (first, width) = (5, n as u32 + 8);
    let mut out = untouched(rows * width as usize);
    let outputs = if shader.stem.starts_with("gated") { 2 * n } else { n };
    let weights = format.pack(&matrix(noise, format, outputs, k), outputs, k);
    let activation = if noise.bits().is_multiple_of(2) { Activation::Silu } else { Activation::GeluTanh } as u32;
    match shader.stem {
        "matvec" => {
            let params = MatvecParams { rows: r, n: nn, k: kk, width, first, ..Default::default() };
            matvec(&x, format, &weights, &params, &mut out);
            case(&shape, slots, vec![words_of_x, weights], params, &[&out], tolerance(matvec::TOLERANCE))
        }
        "gated_matvec" => {
            let params = GatedMatvecParams { rows: r, f: nn, k: kk, activation, width, first, ..Default::default() };
            gated_matvec(&x, format, &weights, &params, &mut out);
            case(&shape, slots, vec![words_of_x, weights], params, &[&out], tolerance(gated_matvec::TOLERANCE))
        }
        "matmul" => {
            let params = MatmulParams { rows: r, n: nn, k: kk, width, first, ..Default::default() };
            matmul(&x, format, &weights, &params, &mut out);
            case(&shape, slots, vec![words_of_x, weights], params, &[&out], tolerance(matmul::TOLERANCE))
        }
        "gated_matmul" => {
            let params = GatedMatmulParams { rows: r, f: nn, k: kk, activation, width, first, ..Default::default() };
            gated_matmul(&x, format, &weights, &params, &mut out);
            case(&shape, slots, vec![words_of_x, weights], params, &[&out], tolerance(gated_matmul::TOLERANCE))
        }
        stem => unreachable!("{stem} is no product"),
    }
}

/// The case that tells on an adapter whether a kernel's overlay may be used there: small, and odd in every dimension.
/// `None` for kernels without overlays.
pub fn self_test(shader: &Shader, slots: Slots) -> Option<Case> {
    let mut noise = Noise::new(6);
    match shader.stem {
        "matvec" | "gated_matvec" => {
            Some(product_case(&mut noise, shader, slots, (slots.rows.unwrap_or(1) as usize, 288, 33)))
        }
        "matmul" | "gated_matmul" => Some(product_case(&mut noise, shader, slots, (37, 96, 67))),
        "rms_norm" => Some(rms_norm_case(&mut noise, slots, 3, 660)),
        "add_rms_norm" => Some(add_rms_norm_case(&mut noise, slots, 3, 660)),
        "quantize" => Some(quantize_case(&mut noise, 3, 96, 1)),
        _ => None,
    }
}

fn quantize_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(7);
    for (rows, k) in [(1, 32), (3, 96), (17, 288), (5, 1056)] {
        for interleaved in [0, 1] {
            cases.push(quantize_case(&mut noise, rows, k, interleaved));
        }
    }
}

/// Every block's largest is 127 times a power of two and nothing is near a tie, so that bytes are the same on every adapter.
fn quantize_case(noise: &mut Noise, rows: usize, k: usize, interleaved: u32) -> Case {
    let params = QuantizeParams { rows: rows as u32, k: k as u32, interleaved, ..Default::default() };
    let mut x: Vec<f32> = Vec::with_capacity(rows * k);
    for block in 0..rows * k / 32 {
        let step = if block % 5 == 3 { 0.0 } else { f32::from_bits((120 + noise.bits() % 16) << 23) };
        let largest = (noise.bits() % 32) as usize;
        x.extend((0..32).map(|i| {
            let byte = if i == largest { 127.0 } else { (126.0 * noise.value()).round() + 0.3 * noise.value() };
            byte * step
        }));
    }
    let mut out = vec![UNTOUCHED.to_bits(); params.out_len()];
    quantize(&x, &params, &mut out);
    let shape = format!("rows {rows} k {k} interleaved {interleaved}");
    case(&shape, Slots::NONE, vec![words(&x)], params, &[bytemuck::cast_slice(&out)], quantize::TOLERANCE)
}

fn yardstick_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(8);
    for len in [4, 1028, 70_000] {
        let x = noise.values(len);
        let params = StreamCopyParams { len: len as u32, ..Default::default() };
        let mut out = untouched(len);
        stream_copy(&x, &params, &mut out);
        cases.push(case(&format!("len {len}"), Slots::NONE, vec![words(&x)], params, &[&out], stream_copy::TOLERANCE));
    }
    for (len, rounds) in [(32, 0), (2080, 1), (4128, 17)] {
        let x = noise.values(len);
        let params = MultiplyAddParams { len: len as u32, rounds, factor: 0.5, step: 0.75, ..Default::default() };
        let mut out = untouched(len);
        multiply_add(&x, &params, &mut out);
        let shape = format!("len {len} rounds {rounds}");
        cases.push(case(&shape, Slots::NONE, vec![words(&x)], params, &[&out], multiply_add::TOLERANCE));
    }
}

/// Pages of one layer's width each; the last pair is out of range.
fn copy_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(9);
    for (page_words, n_src, n_dst) in [(16, 3, 5), (128, 7, 2), (1040, 4, 9)] {
        let src = noise.values(page_words * n_src);
        let pairs = [[0, 1], [2, 0], [1, n_dst as u32]];
        let params = CopyPagesParams {
            pages: pairs.len() as u32,
            page_words: page_words as u32,
            src_first: 1,
            n_src: n_src as u32,
            n_dst: n_dst as u32,
            ..Default::default()
        };
        let mut dst = untouched(page_words * n_dst);
        copy_pages(&src, pairs.as_flattened(), &params, &mut dst);
        let shape = format!("words {page_words} from {n_src} to {n_dst}");
        let inputs = vec![words(&src), pairs.as_flattened().to_vec()];
        cases.push(case(&shape, Slots::NONE, inputs, params, &[&dst], copy_pages::TOLERANCE));
    }
}

/// Heads, KV heads, head dimension, and per sequence (positions cached, new rows).
type Scene = (u32, u32, u32, &'static [(u32, u32)]);

const SCENES: [Scene; 10] = [
    (8, 4, 64, &[(0, 1), (15, 1), (16, 1), (69, 1), (130, 1)]),
    (9, 3, 32, &[(0, 17), (5, 3), (30, 33)]),
    (6, 6, 48, &[(0, 2), (63, 1), (14, 18)]),
    (2, 1, 128, &[(40, 5), (0, 1)]),
    (4, 2, 256, &[(33, 17)]),
    (3, 1, 8, &[(0, 35)]),
    (2, 2, 72, &[(7, 9), (64, 2)]),
    (3, 1, 96, &[(0, 40), (200, 1)]),
    (5, 5, 80, &[(31, 16), (0, 1)]),
    (4, 2, 24, &[(18, 3), (70, 1)]),
];

/// Sequences that begin with the same pages, as jobs over one chunk do.
const SHARING_SCENES: [Scene; 4] = [
    (4, 2, 64, &[(130, 1), (133, 1), (140, 2), (128, 1), (131, 1), (200, 1)]),
    (3, 1, 32, &[(129, 1), (135, 3)]),
    (2, 2, 48, &[(145, 1), (145, 1), (145, 1)]),
    (1, 1, 128, &[(130, 3)]),
];
const SHARED_PAGES: usize = 8;

/// What families add to attention.
#[derive(Clone, Copy, Default)]
struct Variant {
    /// Of a head's elements, how many quarters are turned.
    turned_quarters: u32,
    has_bias: bool,
    has_norm: bool,
    softcap: f32,
    window: u32,
}

const PLAIN: Variant = Variant { turned_quarters: 4, has_bias: false, has_norm: false, softcap: 0.0, window: 0 };

/// Beside the plain one, each scene takes one of these in turn.
const VARIANTS: [Variant; 4] = [
    Variant { has_bias: true, window: 70, ..PLAIN },
    Variant { turned_quarters: 2, has_norm: true, softcap: 2.0, window: 7, ..PLAIN },
    Variant { turned_quarters: 0, has_bias: true, has_norm: true, softcap: 5.0, ..PLAIN },
    Variant { turned_quarters: 3, has_norm: true, window: 20, ..PLAIN },
];

/// The step of a scene: headers, then block table, then tiles; pages are dealt out of order.
struct SceneStep {
    words: Vec<u32>,
    rows: u32,
    table_offset: u32,
    pages_per_seq: u32,
    n_pages: u32,
    tiles_offset: u32,
    n_tiles: u32,
    groups_offset: u32,
    n_groups: u32,
}

/// Sequences after the first begin with `shared` of its pages; groups have at most `most` rows.
fn scene_step(sequences: &[(u32, u32)], shared: usize, most: u32) -> SceneStep {
    let page_size = PAGE_SIZE as u32;
    let pages_of = |&(cached, rows): &(u32, u32)| (cached + rows).div_ceil(page_size);
    let pages_per_seq = sequences.iter().map(pages_of).max().unwrap_or(1) + 1;
    let used: u32 = sequences.iter().map(pages_of).sum();
    let n_pages = used + 2;
    // Multiplication by a number prime to n_pages permutes the pages.
    let stride = (2..).find(|s| gcd(*s, n_pages) == 1).unwrap_or(1);
    let mut dealt = (0..n_pages).map(|i| (i * stride + 1) % n_pages);
    let (mut headers, mut table, mut tiles) = (Vec::new(), Vec::new(), Vec::new());
    for (sequence, &(cached, rows)) in sequences.iter().enumerate() {
        let first_row = headers.len() as u32;
        let mut pages: Vec<u32> = dealt.by_ref().take(pages_of(&(cached, rows)) as usize).collect();
        for (page, first) in pages.iter_mut().zip(table.iter().take(shared)) {
            *page = *first;
        }
        for position in cached..cached + rows {
            let slot = pages[(position / page_size) as usize] * page_size + position % page_size;
            headers.push(RowHeader { token: 0, position, slot, sequence: sequence as u32 });
        }
        let pages: &[u32] = &pages;
        table.extend((0..pages_per_seq as usize).map(|i| pages.get(i).copied().unwrap_or(0)));
        for start in (0..rows).step_by(TILE_ROWS) {
            tiles.push(Tile { first_row: first_row + start, row_count: (rows - start).min(TILE_ROWS as u32) });
        }
    }
    let mut words: Vec<u32> = bytemuck::cast_slice(&headers).to_vec();
    let table_offset = words.len() as u32;
    words.extend_from_slice(&table);
    let tiles_offset = words.len() as u32;
    words.extend_from_slice(bytemuck::cast_slice(&tiles));
    let groups_offset = words.len() as u32;
    let groups = groups(&headers, &table, pages_per_seq as usize, most as usize);
    words.extend_from_slice(bytemuck::cast_slice(&groups));
    let n_groups = groups.len() as u32;
    let (rows, n_tiles) = (headers.len() as u32, tiles.len() as u32);
    SceneStep { words, rows, table_offset, pages_per_seq, n_pages, tiles_offset, n_tiles, groups_offset, n_groups }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn attention_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(4);
    let [alone, together] = ATTENTION_GROUPS;
    for (scene, variant) in SCENES.into_iter().zip(VARIANTS.into_iter().cycle()) {
        attention_case(cases, &mut noise, scene, 0, alone, PLAIN, KvFormat::F32);
        attention_case(cases, &mut noise, scene, 0, together, variant, KvFormat::F32);
        attention_case(cases, &mut noise, scene, 0, alone, variant, KvFormat::Q8_0);
    }
    for (scene, variant) in SHARING_SCENES.into_iter().zip(VARIANTS.into_iter().cycle()) {
        attention_case(cases, &mut noise, scene, SHARED_PAGES, together, PLAIN, KvFormat::F32);
        attention_case(cases, &mut noise, scene, SHARED_PAGES, together, variant, KvFormat::F32);
        attention_case(cases, &mut noise, scene, SHARED_PAGES, together, variant, KvFormat::Q8_0);
    }
}

/// The three kernels of attention in one scene.
fn attention_case(
    cases: &mut Vec<Case>,
    noise: &mut Noise,
    scene: Scene,
    shared: usize,
    most: u32,
    variant: Variant,
    format: KvFormat,
) {
    let (n_heads, n_kv_heads, head_dim, sequences) = scene;
    let Variant { turned_quarters, has_bias, has_norm, softcap, window } = variant;
    let step = scene_step(sequences, shared, most);
    let SceneStep {
        rows, table_offset, pages_per_seq, n_pages, tiles_offset, n_tiles, groups_offset, n_groups, ..
    } = step;
    let rotary_dim = head_dim * turned_quarters / 4;
    let shape = format!(
        "heads {n_heads}/{n_kv_heads} of {head_dim} rows {rows} turned {rotary_dim} bias {has_bias} norm {has_norm} \
         softcap {softcap} window {window} shared {shared}"
    );
    let slots = n_pages as usize * PAGE_SIZE;
    let heads = slots * n_kv_heads as usize;
    let (width, head_words) = (head_dim as usize, format.words(head_dim as usize));

    let context_length = pages_per_seq * PAGE_SIZE as u32;
    let qkv = noise.values((rows * (n_heads + 2 * n_kv_heads) * head_dim) as usize);
    let angles = noise.values((context_length * rotary_dim / 2).max(1) as usize);
    let rope: Vec<f32> = angles.iter().flat_map(|a| [(3.0 * a).cos(), (3.0 * a).sin()]).collect();
    let params = QkvEpilogueParams {
        rows,
        n_heads,
        n_kv_heads,
        head_dim,
        context_length,
        n_slots: slots as u32,
        rotary_dim,
        has_bias: has_bias.into(),
        has_norm: has_norm.into(),
        eps: 1e-6,
        ..Default::default()
    };
    let mut q = untouched((rows * n_heads * head_dim) as usize);
    let (mut k, mut v) = (words(&untouched(heads * head_words)), words(&untouched(heads * head_words)));
    let bias = if has_bias { (n_heads + 2 * n_kv_heads) * head_dim } else { 0 };
    let norms = if has_norm { 2 * head_dim } else { 0 };
    let vectors = noise.values((bias + norms).max(1) as usize);
    qkv_epilogue(&qkv, &step.words, &rope, &vectors, &params, &mut q, format, &mut k, &mut v);
    let inputs = vec![words(&qkv), step.words.clone(), words(&rope), words(&vectors)];
    let outputs: [&[f32]; 3] = [&q, bytemuck::cast_slice(&k), bytemuck::cast_slice(&v)];
    let mut epilogue = case(&shape, Slots::kv(format), inputs, params, &outputs, qkv_epilogue::TOLERANCE);
    if format == KvFormat::Q8_0 {
        epilogue.outputs[1..].iter_mut().for_each(|pages| pages.comparison = Comparison::Q8_0 { head_dim: width });
    }
    cases.push(epilogue);

    // Large scores, so that the softmax is far from a mean and its peak moves from tile to tile.
    let mut pages = || {
        let mut pages = vec![0; heads * head_words];
        for words in pages.chunks_exact_mut(head_words) {
            format.write(&noise.values(width), words);
        }
        pages
    };
    let (k, v) = (pages(), pages());
    let scale = 4.0 / (head_dim as f32).sqrt();
    let inputs = || vec![words(&q), step.words.clone(), k.clone(), v.clone()];
    let params = AttentionDecodeParams {
        rows,
        n_heads,
        n_kv_heads,
        head_dim,
        scale,
        table_offset,
        pages_per_seq,
        n_pages,
        softcap,
        window,
        groups_offset,
        n_groups,
        ..Default::default()
    };
    let mut out = untouched(q.len());
    attention_decode(&q, &step.words, format, &k, &v, &params, &mut out);
    let slots = Slots::kv_and_rows(format, most);
    cases.push(case(&shape, slots, inputs(), params, &[&out], attention_decode::TOLERANCE));

    let params = AttentionPrefillParams {
        rows,
        n_heads,
        n_kv_heads,
        head_dim,
        scale,
        table_offset,
        pages_per_seq,
        n_pages,
        n_tiles,
        tiles_offset,
        softcap,
        window,
        ..Default::default()
    };
    let mut out = untouched(q.len());
    attention_prefill(&q, &step.words, format, &k, &v, &params, &mut out);
    cases.push(case(&shape, Slots::kv(format), inputs(), params, &[&out], attention_prefill::TOLERANCE));
}

fn sample_cases(cases: &mut Vec<Case>) {
    let mut noise = Noise::new(5);
    for vocab in [1, 3, 257, 1000, 5003] {
        let warm =
            Sampling { temperature: 0.8, seed_low: noise.bits(), seed_high: noise.bits(), ..Sampling::default() };
        let plain = [
            Sampling::default(),
            warm,
            Sampling { top_k: 1, ..warm },
            Sampling { top_k: 40, counter: 9, ..warm },
            Sampling { top_p: 0.9, counter: 10, ..warm },
            Sampling { top_p: 0.0, counter: 11, ..warm },
            Sampling { min_p: 0.05, counter: 12, ..warm },
            Sampling { temperature: 1.5, top_k: 100, top_p: 0.95, min_p: 0.01, counter: u32::MAX, ..warm },
            Sampling { temperature: 1e-3, counter: 13, ..warm },
        ];
        let mut logits: Vec<f32> = (0..plain.len() * vocab).map(|_| 6.0 * noise.value()).collect();
        // Ties for the greedy row, masked and broken logits for the second.
        (logits[0], logits[vocab - 1]) = (7.0, 7.0);
        for (i, logit) in logits[vocab..2 * vocab].iter_mut().enumerate() {
            *logit = match i % 4 {
                1 => f32::NEG_INFINITY,
                2 => f32::NAN,
                _ => *logit,
            };
        }
        let mut step = SampleStep::default();
        plain.iter().for_each(|settings| step.push(*settings, &[], &[]));
        step.case(cases, &format!("vocab {vocab}"), &logits, vocab);

        // Every other token allowed, the best of them pushed down, some alternatives told: alone and together.
        let mask: Vec<u32> = (0..vocab.div_ceil(32)).map(|_| noise.bits() | 1).collect();
        let adjustments: Vec<Adjustment> = (0..vocab.min(600) as u32)
            .map(|i| Adjustment { token: vocab as u32 - 1 - i, seen: i % 4, bias: 3.0 * noise.value() })
            .collect();
        let penal =
            |settings| Sampling { repetition_penalty: 1.3, presence_penalty: 0.7, frequency_penalty: -0.4, ..settings };
        let mut step = SampleStep::default();
        step.push(Sampling::default(), &mask, &[]);
        step.push(Sampling { top_k: 40, top_p: 0.9, counter: 1, ..warm }, &mask, &[]);
        step.push(penal(Sampling::default()), &[], &adjustments);
        step.push(penal(Sampling { counter: 2, ..warm }), &mask, &adjustments);
        step.push(Sampling { logprobs: 1, ..Sampling::default() }, &[], &[]);
        step.push(penal(Sampling { logprobs: 21, counter: 3, ..warm }), &mask, &adjustments);
        step.push(penal(Sampling { logprobs: 6, ..Sampling::default() }), &[], &adjustments);
        let logits: Vec<f32> = (0..step.settings.len() * vocab).map(|_| 6.0 * noise.value()).collect();
        step.case(cases, &format!("masks and penalties, vocab {vocab}"), &logits, vocab);
    }
}

/// Sampling settings with what they point to.
#[derive(Default)]
struct SampleStep {
    settings: Vec<Sampling>,
    parts: Vec<(Vec<u32>, Vec<Adjustment>)>,
}

impl SampleStep {
    fn push(&mut self, settings: Sampling, mask: &[u32], adjustments: &[Adjustment]) {
        self.settings.push(settings);
        self.parts.push((mask.to_vec(), adjustments.to_vec()));
    }

    fn case(mut self, cases: &mut Vec<Case>, shape: &str, logits: &[f32], vocab: usize) {
        // The offset stands for what precedes the settings in a real step.
        let samples_offset = 12;
        let mut step = vec![u32::MAX; samples_offset + self.settings.len() * 16];
        for (settings, (mask, adjustments)) in self.settings.iter_mut().zip(&self.parts) {
            settings.mask_offset = if mask.is_empty() { 0 } else { step.len() as u32 };
            step.extend_from_slice(mask);
            settings.adjustments_offset = step.len() as u32;
            settings.adjustments = adjustments.len() as u32;
            step.extend_from_slice(bytemuck::cast_slice(adjustments));
        }
        let settings: &[u32] = bytemuck::cast_slice(&self.settings);
        step[samples_offset..samples_offset + settings.len()].copy_from_slice(settings);

        let rows = self.settings.len();
        let params = SampleParams {
            rows: rows as u32,
            vocab: vocab as u32,
            samples_offset: samples_offset as u32,
            ..Default::default()
        };
        let mut ids = vec![UNTOUCHED.to_bits(); sample::ids_len(rows)];
        let mut logprobs = untouched(sample::logprobs_len(rows));
        sample(logits, &step, &params, &mut ids, &mut logprobs);
        let inputs = vec![words(logits), step];
        let outputs: [&[f32]; 2] = [bytemuck::cast_slice(&ids), &logprobs];
        let mut case = case(shape, Slots::NONE, inputs, params, &outputs, sample::TOLERANCE);
        case.outputs[0].comparison = Comparison::Words;
        cases.push(case);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_specialisation_has_a_case() {
        let cases = cases();
        for shader in registry::SHADERS {
            for slots in shader.specializations() {
                let name = shader.name(slots);
                assert!(cases.iter().any(|case| case.shader.name(case.slots) == name), "{name} has no case");
            }
        }
    }

    #[test]
    fn every_overlay_has_a_self_test() {
        for shader in registry::SHADERS {
            for slots in shader.specializations().into_iter().filter(|slots| slots.overlay.is_some()) {
                let case = self_test(shader, slots).unwrap_or_else(|| panic!("{} has none", shader.name(slots)));
                assert_eq!(case.shader.name(case.slots), shader.name(slots));
            }
        }
    }

    #[test]
    fn expected_outputs_pass_and_wrong_ones_fail() {
        for case in cases() {
            let mut outputs: Vec<Vec<u32>> = case.outputs.iter().map(|output| output.expected.clone()).collect();
            assert_eq!(case.check(&outputs), Ok(0.0));
            outputs[0][0] = f32::NAN.to_bits();
            assert!(case.check(&outputs).is_err(), "{}", case.label);
        }
    }

    #[test]
    fn bytes_of_the_cache_may_be_few_steps_off() {
        let is_epilogue = |case: &Case| case.slots == Slots::kv(KvFormat::Q8_0) && case.outputs.len() == 3;
        let case = cases().into_iter().find(is_epilogue).expect("a case of the epilogue");
        let outputs: Vec<Vec<u32>> = case.outputs.iter().map(|output| output.expected.clone()).collect();
        let written = (0..outputs[1].len()).find(|i| outputs[1][*i] != UNTOUCHED.to_bits()).expect("a head is written");
        let changed = |i: usize, word: u32| {
            let mut outputs = outputs.clone();
            outputs[1][i] = word;
            case.check(&outputs)
        };
        assert_eq!(changed(written, outputs[1][written] ^ 1), Ok(0.0));
        assert!(changed(written, outputs[1][written] ^ 4).is_err());
        let mut all_off = outputs.clone();
        all_off[1].iter_mut().for_each(|word| *word ^= 1);
        assert!(case.check(&all_off).is_err());
    }

    #[test]
    fn cases_are_small() {
        let bytes: usize = cases()
            .iter()
            .flat_map(|c| c.inputs.iter().chain(c.outputs.iter().map(|o| &o.initial)))
            .map(|w| w.len() * 4)
            .sum();
        assert!(bytes < 60 << 20, "{bytes} bytes of cases");
    }

    #[test]
    fn decode_and_prefill_agree() {
        let cases = cases();
        let outputs = |stem| cases.iter().filter(move |c| c.shader.stem == stem).map(|c| &c.outputs[0].expected);
        assert!(outputs("attention_decode").eq(outputs("attention_prefill")));
    }
}
