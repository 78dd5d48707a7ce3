//! Twin of `copy_pages.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::registry::MAX_WORKGROUPS;
use crate::{COPY_PAGES, Params, Shader, Slots};

/// Words are copied.
pub const TOLERANCE: f32 = 0.0;

/// Params of `copy_pages`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct CopyPagesParams {
    /// How many pages to copy.
    pub pages: u32,
    /// Words of a page.
    pub page_words: u32,
    /// Added to the number of every page that is read.
    pub src_first: u32,
    /// Added to the number of every page that is written.
    pub dst_first: u32,
    /// Pages there are to read.
    pub n_src: u32,
    /// Pages there are to write.
    pub n_dst: u32,
    /// Zero.
    pub pad: [u32; 2],
}

impl Params for CopyPagesParams {
    const SHADER: &'static Shader = &COPY_PAGES;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.pages.min(MAX_WORKGROUPS), self.pages.div_ceil(MAX_WORKGROUPS), 1]
    }
}

/// `dst[dst_first + d] = src[src_first + s]` for each pair `(s, d)`, with `src: [n_src, page_words]`, `dst: [n_dst, page_words]`
/// and `pairs: [pages, 2]`. Pages out of range are not copied.
pub fn copy_pages(src: &[f32], pairs: &[u32], params: &CopyPagesParams, dst: &mut [f32]) {
    let words = params.page_words as usize;
    assert_eq!(src.len(), params.n_src as usize * words, "src: [n_src, page_words]");
    assert_eq!(dst.len(), params.n_dst as usize * words, "dst: [n_dst, page_words]");
    for [from, to] in pairs.as_chunks::<2>().0.iter().take(params.pages as usize) {
        let from = src.chunks_exact(words).nth(from.wrapping_add(params.src_first) as usize);
        let to = dst.chunks_exact_mut(words).nth(to.wrapping_add(params.dst_first) as usize);
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_the_pages_of_the_pairs_and_no_other() {
        let src = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut dst = [0.0; 4];
        let params =
            CopyPagesParams { pages: 2, page_words: 2, src_first: 1, n_src: 3, n_dst: 2, ..Default::default() };
        copy_pages(&src, &[1, 0, 2, 1], &params, &mut dst);
        assert_eq!(dst, [5.0, 6.0, 0.0, 0.0], "the second pair's page is out of range");
    }
}
