import { expect, test } from 'vitest';
import { free } from '../../common/free.ts';

test('what is freed is gone at once, without a collection of garbage', () => {
  const before = process.memoryUsage().arrayBuffers;
  const size = 8 * 2 ** 20;
  for (let i = 0; i < 4; i++) {
    const values = new Float32Array(size / 4).fill(1);
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThanOrEqual(size);
    free(values.buffer);
    expect(values).toHaveLength(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size);
  }
});
