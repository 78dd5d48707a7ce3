//! The weights of every quantised format are, bit for bit, those that ggml reads, and the blocks that we write those that it
//! writes: `tools/parity/formats`.

use std::path::Path;

use minions_shaders::WeightFormat;

#[test]
fn every_quantised_format_is_read_as_ggml_reads_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/formats");
    for format in WeightFormat::ALL.into_iter().filter(|format| format.block_len() > 1) {
        let file = std::fs::read(folder.join(format!("{}.bin", format.name()))).expect("a fixture for every format");
        let count = file.len() / (format.block_bytes() + 4 * format.block_len());
        let (blocks, weights) = file.split_at(count * format.block_bytes());
        let expected: Vec<u32> = weights.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        assert_eq!((count, expected.len()), (24, 24 * format.block_len()), "{format}");

        let bits = |weights: Vec<f32>| weights.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert!(bits(format.to_f32(blocks)) == expected, "{format}");
        // As the kernels read a matrix, whatever its shape.
        for (n, blocks_in_row) in [(1, 24), (3, 8), (8, 3)] {
            let k = blocks_in_row * format.block_len();
            let packed = format.pack(blocks, n, k);
            assert!(bits(format.dequantize(&packed, n, k)) == expected, "{format} as [{n}, {k}]");
        }
    }
}

#[test]
fn floats_are_quantised_as_ggml_quantises_them() {
    const ROWS: usize = 48;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/formats/quantized.bin");
    let file = std::fs::read(path).expect("the fixture");
    let (weights, blocks) = file.split_at(ROWS * 32 * 4);
    let (q8_0, q4_0) = blocks.split_at(ROWS * WeightFormat::Q8_0.block_bytes());
    let weights = WeightFormat::F32.to_f32(weights);
    for (format, expected) in [(WeightFormat::Q8_0, q8_0), (WeightFormat::Q4_0, q4_0)] {
        let actual = format.encode(&weights);
        for (row, blocks) in actual.chunks(format.block_bytes()).zip(expected.chunks(format.block_bytes())).enumerate()
        {
            assert_eq!(blocks.0, blocks.1, "{format}, row {row}: {:?}", &weights[row * 32..(row + 1) * 32]);
        }
    }
}
