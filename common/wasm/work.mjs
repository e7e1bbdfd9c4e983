// What a thread does with calls of a kernel over shared memory. Plain JavaScript, so that a helper starts without a loader.

const PAGE = 2 ** 16;
const MOST_PAGES = 2 ** 16;

export function share(bytes, length, grows = false) {
  const initial = Math.ceil(length / PAGE);
  return allocated(() => {
    const memory = new WebAssembly.Memory({ initial, maximum: grows ? MOST_PAGES : initial, shared: true });
    return { module: new WebAssembly.Module(bytes), memory };
  });
}

export function grow({ memory }, length) {
  const more = Math.ceil((length - memory.buffer.byteLength) / PAGE);
  if (more > 0) allocated(() => memory.grow(more));
}

function allocated(allocate) {
  try {
    return allocate();
  } catch (cause) {
    // As for any other buffer, so that it is told as what it is.
    if (cause instanceof RangeError) throw new RangeError('Array buffer allocation failed', { cause });
    throw cause;
  }
}

export function kernelsOf({ module, memory }) {
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}

export function worker(shared) {
  const kernels = kernelsOf(shared);
  const claimed = new Int32Array(shared.memory.buffer, 0, 1);
  return ({ kernel, ranges }, told = () => {}) => {
    const run = kernels[kernel];
    for (;;) {
      const range = Atomics.add(claimed, 0, 1);
      if (range >= ranges.length) return;
      const calls = ranges[range];
      for (let call = 0; call < calls.length; call += run.length) {
        run(...calls.subarray(call, call + run.length));
        told(range / ranges.length);
      }
    }
  };
}
