// The program compiled into one file, which starts in a fifth of the time that its source takes. It is made by the first command
// that finds none (engine/cli/compile.ts), and used as long as every file that it was made from is as it was.
const { readFileSync, renameSync, statSync, writeFileSync } = require('node:fs');
const { createRequire, SourceMap } = require('node:module');
const { join } = require('node:path');
const vm = require('node:vm');

const ROOT = join(__dirname, '..');
/** Where tools keep what they can make again. */
const FOLDER = join(ROOT, 'node_modules', '.cache', 'mis');
/** The program as traces of errors name it. */
const NAME = join(ROOT, 'compiled.cjs');

/** What tells a file from one that took its place, and from what it was before. */
function identity(path) {
  const { size, mtimeMs, ctimeMs, ino } = statSync(join(ROOT, path));
  return `${size}:${mtimeMs}:${ctimeMs}:${ino}`;
}

/** What the compiled program exports; undefined where there is none that is up to date. */
function load(command) {
  try {
    const { node, root, program, files } = JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8'));
    if (node !== process.version || root !== ROOT) return undefined;
    for (const path in files) if (identity(path) !== files[path]) return undefined;
    const script = scriptOf(join(FOLDER, program), command);
    const compiled = { exports: {} };
    traceSource(join(FOLDER, `${program}.map`));
    // As if it lay in the root's folder: from there it finds packages.
    const require = createRequire(join(ROOT, 'package.json'));
    script.runInThisContext()(compiled.exports, require, compiled);
    return compiled.exports;
  } catch {
    return undefined;
  }
}

/** V8's own form of the code, with the functions that the same command used before, is kept beside it. */
function scriptOf(path, command) {
  const kept = `${path}.${/^[a-z]+$/.test(command) ? command : 'any'}`;
  const script = new vm.Script(readFileSync(path, 'latin1'), {
    filename: NAME,
    cachedData: read(kept),
  });
  if (script.cachedDataRejected !== false)
    process.once('exit', (code) => {
      if (code === 0) keep(kept, script.createCachedData());
    });
  return script;
}

/** From now on traces of errors name places in the source. Its map is read when the first one is asked for. */
function traceSource(path) {
  let map;
  const inSource = (place, line, column) => {
    map ??= new SourceMap(JSON.parse(readFileSync(path, 'utf8')));
    const found = map.findEntry(line - 1, column - 1);
    if (found.originalSource === undefined) return place;
    return `${join(ROOT, found.originalSource)}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  };
  Error.prepareStackTrace = (error, sites) => {
    const lines = sites.map((site) => `\n    at ${site}`).join('');
    try {
      return `${error}${lines.replaceAll(PLACE, inSource)}`;
    } catch {
      return `${error}${lines}`;
    }
  };
}

const PLACE = new RegExp(`${NAME.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}:(\\d+):(\\d+)`, 'g');

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** It only saves time: failing is no failure. */
function keep(path, bytes) {
  try {
    writeFileSync(`${path}.${process.pid}`, bytes);
    renameSync(`${path}.${process.pid}`, path);
  } catch {}
}

module.exports = { FOLDER, ROOT, identity, load };
