/** How a stage declares an ONNX file that it reads: by content, with the files of its weights where they lie beside it. */
export const modelFile = (what: string) => ({
  by: 'content' as const,
  what,
  async also(path: string) {
    const { externalFiles } = await import('./model.ts');
    return externalFiles(path);
  },
});
