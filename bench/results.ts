import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Benchmark, Result } from './benchmark.ts';
import { type Header, headerLines, resultMarkdown } from './text.ts';

const TITLE = `# Results

What the benchmarks said when they were last run in full: \`npm run bench -- NAME\` writes its own section anew. More is better in
the column \`ratio\`; both of its sides were measured in turns, in one run on the machine that the section names.
`;

/** A benchmark's section: its name, what it compares, where it ran, its numbers. */
export function section(
  name: string,
  { summary }: Pick<Benchmark, 'summary'>,
  header: Header,
  results: readonly Result[],
): string {
  const where = headerLines(header)
    .map((line) => `- ${line}`)
    .join('\n');
  return `## ${name}\n\n${summary}\n\n${where}\n\n${resultMarkdown(results)}\n`;
}

/** The text with a section in place of the one of that name, or added; sections stand in the order of their names. */
export function withSection(text: string, name: string, content: string): string {
  const [title, ...sections] = text.split(/^(?=## )/m);
  const nameOf = (part: string) => /^## (.*)/.exec(part)?.[1]?.trim() ?? '';
  const others = sections.filter((part) => nameOf(part) !== name);
  const all = [...others, content].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return [title!, ...all]
    .map((part) => part.trimEnd())
    .join('\n\n')
    .concat('\n');
}

/** Puts a benchmark's section into the file, which is begun when there is none. */
export function writeSection(file: string, name: string, content: string): void {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : TITLE;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, withSection(before, name, content));
  renameSync(draft, file);
}
