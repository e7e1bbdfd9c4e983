import { describe, expect, it } from 'vitest';
import { fontFiles, textWidth } from '../../figures/text-width.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

const python = pythonWith('PIL');
const CHARACTERS = [...'aAiWm.0 –…éΔσαñ·×≥Жあ\ue000🙂'];

describe.skipIf(!python)(python ? 'text width against FreeType' : `text width (skipped: ${INSTALL})`, () => {
  it.each(['regular', 'bold'] as const)('%s: every character as wide as FreeType says', (weight) => {
    const file = fontFiles()[weight];
    const wanted = runPython<number[]>(
      python!,
      `import sys, json
from PIL import ImageFont
font = ImageFont.truetype(sys.argv[1], 2048, layout_engine=0)
print(json.dumps([font.getlength(c) / 2048 for c in json.load(sys.stdin)]))`,
      CHARACTERS,
      [file],
    );
    expect(CHARACTERS.map((character) => textWidth(file)(character))).toEqual(wanted);
  });
});

describe('text width', () => {
  it('adds up, and is nothing for no text', () => {
    const width = textWidth(fontFiles().regular);
    expect(width('')).toBe(0);
    expect(width('ab')).toBeCloseTo(width('a') + width('b'), 12);
    expect(textWidth(fontFiles().bold)('m')).toBeGreaterThan(width('m'));
  });
});
