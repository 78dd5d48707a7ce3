// Just enough of GGUF to break a file in a chosen place, and to write one.

const SCALAR_BYTES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const STRING = 8;
const ARRAY = 9;

/** Where things stand in a file: `keys` maps each key to where it and its value begin, `tensors` each name to its fields. */
export function layout(file) {
  let at = 8;
  const u32 = () => ((at += 4), file.readUInt32LE(at - 4));
  const u64 = () => ((at += 8), Number(file.readBigUInt64LE(at - 8)));
  const string = () => {
    const length = u64();
    at += length;
    return file.toString("utf8", at - length, at);
  };
  const skip = (type) => {
    if (type === STRING) {
      string();
    } else if (type === ARRAY) {
      const item = u32();
      for (let left = u64(); left > 0; left--) skip(item);
    } else {
      at += SCALAR_BYTES[type];
    }
  };
  const tensorCount = u64();
  const keyCount = u64();
  const keys = new Map();
  for (let index = 0; index < keyCount; index++) {
    const keyAt = at + 8;
    const key = string();
    const type = u32();
    keys.set(key, { keyAt, type, valueAt: at });
    skip(type);
  }
  const tensors = new Map();
  for (let index = 0; index < tensorCount; index++) {
    const nameAt = at + 8;
    const name = string();
    const dimensionsAt = at + 4;
    at += 4 + 8 * file.readUInt32LE(at);
    tensors.set(name, { nameAt, dimensionsAt, typeAt: at, offsetAt: at + 4 });
    at += 12;
  }
  return { keys, tensors, infoEnd: at };
}

/** A copy of `file` that `change` has written into. */
export function patched(file, change) {
  const copy = Buffer.from(file);
  change(copy, layout(copy));
  return copy;
}

const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, string: STRING };
const ALIGNMENT = 32;

/** One metadata value with its type: `["u32", 7]`, `["string", "x"]`, `["string[]", [...]]`. */
function value([type, content]) {
  if (!type.endsWith("[]")) return [u32(TYPE[type]), scalar(type, content)];
  const item = type.slice(0, -2);
  return [u32(ARRAY), u32(TYPE[item]), u64(content.length), ...content.map((one) => scalar(item, one))];
}

function scalar(type, content) {
  switch (type) {
    case "string":
      return string(content);
    case "f32": {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(content);
      return bytes;
    }
    case "bool":
      return Buffer.from([content ? 1 : 0]);
    default: {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(content | 0);
      return bytes;
    }
  }
}

function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

function u64(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes;
}

function string(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

/**
 * The pieces of a GGUF file, version 3. `metadata` is a list of `[key, value]`; `tensors` a list of `{ name, shape, type,
 * bytes, data() }` with the fastest dimension first, whose data are made only as they are written.
 */
export function* write(metadata, tensors) {
  const padded = (size) => Math.ceil(size / ALIGNMENT) * ALIGNMENT;
  const head = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.length)];
  for (const [key, content] of metadata) head.push(string(key), ...value(content));
  let offset = 0;
  for (const { name, shape, type, bytes } of tensors) {
    head.push(string(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset));
    offset += padded(bytes);
  }
  const header = Buffer.concat(head);
  yield header;
  yield Buffer.alloc(padded(header.length) - header.length);
  for (const { name, bytes, data } of tensors) {
    const content = data();
    if (content.length !== bytes) throw new Error(`${name} has ${content.length} bytes, not ${bytes}`);
    yield content;
    yield Buffer.alloc(padded(bytes) - bytes);
  }
}
