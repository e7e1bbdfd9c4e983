// Kernels over memory that isn't shared. Plain JavaScript, as the types of Node know no WebAssembly.

const PAGE = 2 ** 16;

export function compile(bytes) {
  const module = new WebAssembly.Module(bytes);
  return (length) => {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(length / PAGE) });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return { kernels: exports, bytes: new Uint8Array(memory.buffer) };
  };
}
