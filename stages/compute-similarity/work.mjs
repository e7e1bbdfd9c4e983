// What a thread does with tasks that lie in shared memory. Plain JavaScript, so that a helper starts without a loader.

/**
 * Tasks of one call. Short calls let the engine put the optimised code in place of the first one soon, and are told of.
 */
const CALL = 256;

export function share(bytes, length) {
  const pages = Math.ceil(length / 2 ** 16);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return { module: new WebAssembly.Module(bytes), memory };
  } catch (cause) {
    // As for any other buffer, so that it is told as what it is.
    if (cause instanceof RangeError) throw new RangeError('Array buffer allocation failed', { cause });
    throw cause;
  }
}

export function worker({ module, memory }) {
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const claimed = new Int32Array(memory.buffer, 0, 1);
  return (job, told = () => {}) => {
    for (;;) {
      const range = Atomics.add(claimed, 0, 1);
      if (range >= job.ranges) return;
      const from = Math.floor((job.tasks * range) / job.ranges);
      const to = Math.floor((job.tasks * (range + 1)) / job.ranges);
      for (let panel = 0; panel < job.panels; panel++) {
        for (let task = from; task < to; task += CALL) {
          run(
            job.lists + task * job.listBytes,
            job.lists + Math.min(task + CALL, to) * job.listBytes,
            job.dots + task * 32,
            job.panel + panel * job.panelBytes,
            job.rowBytes,
            job.weights,
            job.sideBytes,
          );
          told(range / job.ranges);
        }
      }
    }
  };
}
