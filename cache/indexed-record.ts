import { ARTIFACT, ENTRY } from './index-entry.mjs';
import type { IndexFile } from './index-file.ts';
import { putOut, type Shape } from './index-shape.ts';
import type { Artifact, PutOut } from './types.ts';

/**
 * What a record put out, left in the bytes of the index until somebody asks: a run over a large graph finds a million of
 * them and asks of most for one output.
 */
export class IndexedRecord implements PutOut {
  private readonly file: IndexFile;
  private readonly start: number;

  constructor(file: IndexFile, start: number) {
    this.file = file;
    this.start = start;
  }

  get outputs(): PutOut['outputs'] {
    return this.putOut().outputs;
  }
  get lists(): PutOut['lists'] {
    return this.putOut().lists;
  }
  /** Its folders are told apart here: the look at an entry passes over them. */
  get hasFolders(): boolean {
    return this.file.folders[this.shapeNumber()] !== undefined;
  }

  putOut(): PutOut {
    return putOut(this.shape(), (place, kind) => this.artifact(place, kind));
  }

  output(name: string): Artifact | undefined {
    const { outputs } = this.shape();
    for (let i = 0; i < outputs.length; i++) {
      const [own, kind] = outputs[i]!;
      if (own === name) return this.artifact(i, kind);
    }
    return undefined;
  }

  /** Bytes of everything. */
  bytes(): number {
    const { bytes, numbers } = this.file;
    const count = bytes.readUInt32LE(this.start + ENTRY.count);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += numbers[(this.at(i) + ARTIFACT.bytes) / 8]!;
    return sum;
  }

  private artifact(place: number, kind: Artifact['kind']): Artifact {
    const { bytes, numbers } = this.file;
    const at = this.at(place);
    return { bytes: numbers[(at + ARTIFACT.bytes) / 8]!, digest: bytes.toString('hex', at, at + 32), kind };
  }
  private at(place: number): number {
    return this.start + ENTRY.artifacts + place * ARTIFACT.length;
  }
  private shapeNumber(): number {
    return this.file.bytes.readUInt32LE(this.start + ENTRY.shape);
  }
  private shape(): Shape {
    return this.file.shapes[this.shapeNumber()]!;
  }
}

/** One output of a record. */
export function outputOf(record: PutOut, name: string): Artifact | undefined {
  return record instanceof IndexedRecord ? record.output(name) : record.outputs[name];
}

/** Bytes of all that a record holds. */
export function recordBytes(record: PutOut): number {
  if (record instanceof IndexedRecord) return record.bytes();
  let sum = bytesOf(record.outputs);
  for (const list of Object.values(record.lists))
    for (const element of Object.values(list)) sum += bytesOf(element);
  return sum;
}

function bytesOf(outputs: PutOut['outputs']): number {
  let sum = 0;
  for (const name in outputs) sum += outputs[name]!.bytes;
  return sum;
}
