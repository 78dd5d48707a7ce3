// Counts what goes to the GPU, exactly, and notes the counts each time something is read back: one decode step ends with
// one read-back. Answers `get` on the channel "meter" with all notes since the last `reset`.
const counts = { dispatches: 0, passes: 0, submits: 0, bind_groups: 0, writes: 0, write_bytes: 0, readbacks: 0, readback_bytes: 0, mapped_bytes: 0 };
let notes = [];
const memories = new Set();

const before = (type, name, note) => {
  const original = type?.prototype[name];
  if (!original) return;
  type.prototype[name] = function (...args) {
    note.call(this, args);
    return original.apply(this, args);
  };
};

const { GPUQueue, GPUDevice, GPUComputePassEncoder, GPUCommandEncoder, GPUBuffer } = globalThis;
const READ = 1; // GPUMapMode.READ and GPUBufferUsage.MAP_READ alike

before(GPUQueue, "submit", () => counts.submits++);
before(GPUQueue, "writeBuffer", ([, , data, from = 0, size]) => {
  counts.writes++;
  const unit = data.BYTES_PER_ELEMENT ?? 1;
  counts.write_bytes += size === undefined ? data.byteLength - from * unit : size * unit;
});
before(GPUDevice, "createBindGroup", () => counts.bind_groups++);
before(GPUCommandEncoder, "beginComputePass", () => counts.passes++);
// What is copied for reading; the buffer that is mapped for it may be a larger one out of a pool.
before(GPUCommandEncoder, "copyBufferToBuffer", ([source, second, third, , size]) => {
  const [to, bytes] = typeof second === "number" ? [third, size] : [second, third ?? source.size];
  if (to.usage & READ) counts.readback_bytes += bytes;
});
before(GPUComputePassEncoder, "dispatchWorkgroups", () => counts.dispatches++);
before(GPUComputePassEncoder, "dispatchWorkgroupsIndirect", () => counts.dispatches++);

const mapAsync = GPUBuffer?.prototype.mapAsync;
if (mapAsync) {
  GPUBuffer.prototype.mapAsync = async function (mode, offset = 0, size = this.size - offset) {
    await mapAsync.call(this, mode, offset, size);
    if (mode & READ) {
      counts.readbacks++;
      counts.mapped_bytes += size;
      notes.push({ at: performance.now(), ...counts });
    }
  };
}

for (const name of ["instantiate", "instantiateStreaming"]) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...args) => {
    const result = await original.apply(WebAssembly, args);
    const { exports } = result.instance ?? result;
    for (const value of Object.values(exports)) if (value instanceof WebAssembly.Memory) memories.add(value);
    return result;
  };
}

const channel = new BroadcastChannel("meter");
channel.onmessage = ({ data }) => {
  if (data === "reset") notes = [];
  // Memory only ever grows, so what it is now is its peak.
  const wasm_bytes = [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  channel.postMessage({ notes, counts, wasm_bytes });
};
