import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import {
  type Alias,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type ParsedNode,
  Parser,
  parseDocument,
  type YAMLParseError,
} from 'yaml';
import { UserError } from '../../common/errors.ts';
import type { Entry, MapNode, Node } from './node.ts';
import { errorAt, fileSource, type Place, type Source, sourceOf } from './source.ts';
import { recalled } from './yaml-memory.ts';

/** Aliases that a document may expand to, so that a few lines can't become gigabytes. */
const MAX_NODES = 200_000;
const MAX_BYTES = 8 << 20;
/** Levels of lists and mappings in each other. */
const MAX_DEPTH = 100;

/** Reads a YAML file. Errors name the file, the line and the column. */
export function readYaml(path: string): Node {
  const name = relative(process.cwd(), path) || path;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(code);
    throw new UserError(`${name}: can't be read: ${why}`);
  }
  if (bytes.length > MAX_BYTES)
    throw new UserError(`${name}: ${bytes.length} bytes are too many for a YAML file (limit ${MAX_BYTES})`);
  const source = fileSource(name, resolve(path), bytes.toString('utf8'));
  return recalled(source, () => parseYaml(source));
}

/** Reads the value of a `--set` argument as YAML. */
export function parseYamlValue(name: string, text: string, folder: string): Node {
  return parseYaml(sourceOf(name, text, folder));
}

function parseYaml(source: Source): Node {
  const document = documentOf(source);
  const problem = document.errors[0];
  if (problem) {
    const [start, end] = problem.pos;
    throw errorAt({ source, start, end }, inWords(problem, source));
  }
  return new Reader(source, document).read();
}

/**
 * Parsing and composing call themselves for each level of nesting; near the end of the stack that can end the process. So the
 * levels are looked at first.
 */
function documentOf(source: Source): Document.Parsed {
  if (mayBeDeep(source.text)) checkDepth(source);
  return parseDocument(source.text, { prettyErrors: false, uniqueKeys: true });
}

/** Every level is begun by one of these characters: most files have too few, and needn't be parsed for it. */
function mayBeDeep(text: string): boolean {
  let levels = 0;
  for (const _ of text.matchAll(/[-?:[{]/g)) if (++levels > MAX_DEPTH) return true;
  return false;
}

/** Counts levels: roughly while the parser gets one word after the other, then exactly, in what it puts out. */
function checkDepth(source: Source): void {
  const open: [token: CST.Token | null | undefined, depth: number][] = [];
  const tooDeep = () => new UserError(`${source.name}: the values in this file are nested too deeply`);
  for (const token of tokensOf(source.text, tooDeep))
    if (token.type === 'document') open.push([token.value, 0]);
  for (let next = open.pop(); next; next = open.pop()) {
    const [token, depth] = next;
    if (depth > MAX_DEPTH) throw tooDeep();
    if (token && 'items' in token)
      for (const item of token.items) open.push([item.key, depth + 1], [item.value, depth + 1]);
  }
}

/** What the parser puts out; throws before it has many more levels open than a file may have. */
function* tokensOf(text: string, tooDeep: () => UserError): Generator<CST.Token, void> {
  const parser = new Parser();
  for (const word of new Lexer().lex(text)) {
    yield* parser.next(word);
    if (parser.stack.length > 4 * MAX_DEPTH) throw tooDeep();
  }
  yield* parser.end();
}

/** What the parser complains of, in a person's words where its own are about its grammar. */
function inWords({ code, message, pos }: YAMLParseError, source: Source): string {
  if (code === 'DUPLICATE_KEY') {
    const key = /^[^\s:]+/.exec(source.text.slice(pos[0]))?.[0] ?? '';
    return `the key "${key}" stands twice in this mapping`;
  }
  const closing = /^Flow (sequence|map) .*must .*end with a ([\]}])$/.exec(message);
  if (closing)
    return `this ${closing[1] === 'map' ? 'mapping' : 'list'} isn't closed: ${closing[2]} is missing`;
  return message.split('\n')[0] ?? 'not YAML';
}

class Reader {
  private count = 0;
  private readonly targets = new Map<Alias, ParsedNode | undefined>();
  private readonly source: Source;
  private readonly document: Document.Parsed;

  constructor(source: Source, document: Document.Parsed) {
    this.source = source;
    this.document = document;
  }

  read(): Node {
    const contents = this.document.contents;
    return contents ? this.node(contents, 0) : this.empty();
  }

  private empty(): MapNode {
    return { kind: 'map', place: { source: this.source, start: 0, end: 0 }, entries: new Map() };
  }

  /** Looked up once an alias: the library goes through the whole document for it. */
  private target(alias: Alias): ParsedNode | undefined {
    if (!this.targets.has(alias))
      this.targets.set(alias, alias.resolve(this.document) as ParsedNode | undefined);
    return this.targets.get(alias);
  }

  private node(yaml: ParsedNode, depth: number): Node {
    const place = this.place(yaml);
    if (++this.count > MAX_NODES || depth > MAX_DEPTH) {
      throw errorAt(
        place,
        'this file expands to too many values',
        'Aliases (*name) multiply what they refer to.',
      );
    }
    if (isAlias(yaml)) {
      const target = this.target(yaml);
      if (!target) throw errorAt(place, `there is no anchor &${yaml.source}`);
      return this.node(target, depth + 1);
    }
    if (isMap(yaml)) return { kind: 'map', place, entries: this.entries(yaml.items, depth) };
    if (isSeq(yaml))
      return {
        kind: 'list',
        place,
        items: yaml.items.map((item) => this.node(item as ParsedNode, depth + 1)),
      };
    const value: unknown = isScalar(yaml) ? yaml.value : null;
    if (typeof value === 'string' && value.includes('\0'))
      throw errorAt(place, 'a text can hold anything but a zero byte');
    if (value === null || typeof value === 'boolean' || typeof value === 'string')
      return { kind: 'scalar', place, value };
    if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'scalar', place, value };
    throw errorAt(place, `${String(value)} is not a value that a configuration can hold`);
  }

  private entries(pairs: readonly { key: unknown; value: unknown }[], depth: number): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      const key = pair.key as ParsedNode;
      if (!isScalar(key)) throw errorAt(this.place(key), 'keys must be plain text');
      const keyPlace = this.place(key);
      const value = pair.value
        ? this.node(pair.value as ParsedNode, depth + 1)
        : ({ kind: 'scalar', place: keyPlace, value: null } as const);
      entries.set(String(key.value), { key: keyPlace, value });
    }
    return entries;
  }

  private place(yaml: ParsedNode): Place {
    const [start, end] = yaml.range;
    return { source: this.source, start, end };
  }
}
