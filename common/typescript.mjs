// Plain JavaScript, since it comes before there is a loader.
import module from 'node:module';

/** From now on this thread can import TypeScript. What was imported before isn't looked at by the loader. */
export async function loadTypeScript() {
  if (module.registerHooks) {
    const { register } = await import('tsx/esm/api');
    register();
    return;
  }
  // Node 20 runs loaders in a thread of their own. What that API would load into this thread as well, a compiler among it,
  // takes as long as half the start of the program.
  process.setSourceMapsEnabled(true);
  module.register('tsx/esm', import.meta.url, { data: {} });
}
