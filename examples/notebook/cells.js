/** A notebook: cells that are computed from others by name, and again whenever one of those changes. */
const values = new Map();
const cells = [];

/** A cell. `compute` gets the values of `inputs` and a signal, which is aborted when they change before it is done. */
export function cell(name, inputs, compute) {
  const added = { name, inputs, compute, running: undefined };
  cells.push(added);
  run(added);
}

/** A cell whose value is what stands in a field. */
export function field(name, element) {
  const read = () => element.value && set(name, element.value);
  element.addEventListener("change", read);
  read();
}

function set(name, value) {
  values.set(name, value);
  for (const cell of cells) if (cell.inputs.includes(name)) run(cell);
}

async function run(cell) {
  const { name, inputs, compute } = cell;
  cell.running?.abort();
  if (!inputs.every((input) => values.has(input))) return;
  const { signal } = (cell.running = new AbortController());
  try {
    const value = await compute(...inputs.map((input) => values.get(input)), signal);
    if (!signal.aborted) set(name, value);
  } catch (error) {
    if (!signal.aborted) set("failure", `${name}: ${error.message}`);
  }
}
