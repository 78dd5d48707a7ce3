// A generated document of patient records, one a page, in the words that the demo worker was trained on
// (tools/demo-worker/corpus.py). The same seed gives the same document; `records` is what is true about it.

const FIRST = ["Mara", "Orrin", "Petra", "Helga", "Dorian", "Selma", "Anton", "Clara", "Felix", "Irene"];
const LAST = ["Olden", "Stone", "Marsh", "Keller", "Novak", "Brandt", "Lindqvist", "Hale", "Moreno", "Adler"];

/** What a record can state, and how its value is made. */
const ATTRIBUTES = {
  "Blood pressure": (of) => `${of(90, 190)}/${of(55, 115)} mmHg`,
  "Heart rate": (of) => `${of(48, 130)} bpm`,
  "Respiratory rate": (of) => `${of(10, 30)} breaths per minute`,
  "Body temperature": (of) => `${of(355, 410) / 10} C`,
  "Body weight": (of) => `${of(40, 140)} kg`,
  "LDL cholesterol": (of) => `${of(60, 220)} mg/dL`,
  "HDL cholesterol": (of) => `${of(30, 90)} mg/dL`,
  "Fasting glucose": (of) => `${of(70, 180)} mg/dL`,
  "Oxygen saturation": (of) => `${of(85, 100)}%`,
  "Hemoglobin": (of) => `${of(80, 180) / 10} g/dL`,
  "Room number": (of) => `Room ${of(1, 40)}`,
  "Follow-up appointment": (of) => `${of(1, 28)} July 2025`,
};

const PER_RECORD = 5;

/** `count` records. A record states five of the attributes, so for each attribute most records do not. */
export function makeRecords(count, seed) {
  const of = dice(seed);
  const records = Array.from({ length: count }, (_, index) => {
    const left = Object.entries(ATTRIBUTES);
    const facts = Array.from({ length: PER_RECORD }, () => left.splice(of(0, left.length - 1), 1)[0]);
    const name = `${FIRST[of(0, FIRST.length - 1)]} ${LAST[of(0, LAST.length - 1)]}`;
    return { number: index + 1, name, facts: Object.fromEntries(facts.map(([attribute, make]) => [attribute, make(of)])) };
  });
  return { records, document: records.map((record) => page(record, count)).join("\n\n") };
}

function page({ number, name, facts }, count) {
  const lines = Object.entries(facts).map(([attribute, value]) => `${attribute}: ${value}`);
  return [`Page ${number} of ${count}`, "", "Patient record", `Patient name: ${name}`, `Record number: ${1000 + number}`, ...lines].join("\n");
}

/** Whole numbers from a seed (mulberry32): `of(low, high)`, both included. */
function dice(seed) {
  let state = seed >>> 0;
  return (low, high) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return low + (((mixed ^ (mixed >>> 14)) >>> 0) % (high - low + 1));
  };
}
