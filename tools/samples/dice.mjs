/** Whole numbers from a seed (mulberry32): `of(low, high)`, both included, and `pick(list)`. */
export function dice(seed) {
  let state = seed >>> 0;
  const of = (low, high) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return low + (((mixed ^ (mixed >>> 14)) >>> 0) % (high - low + 1));
  };
  return { of, pick: (list) => list[of(0, list.length - 1)] };
}
