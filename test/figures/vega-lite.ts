import { createRequire } from 'node:module';
import AjvModule from 'ajv';
import type { Spec } from '../../figures/figure.ts';
import { THEME } from '../../figures/theme.ts';

const schema = createRequire(import.meta.url)('vega-lite/vega-lite-schema.json') as object;
const Ajv = AjvModule as unknown as typeof AjvModule.default;
const isVegaLite = new Ajv({
  strict: false,
  formats: { 'color-hex': true, uri: true, 'uri-reference': true },
}).compile(schema);

/** What Vega-Lite's own JSON schema has against a specification with the theme. */
export function specificationErrors(spec: Spec): unknown[] {
  isVegaLite({ ...spec, config: THEME });
  return [...(isVegaLite.errors ?? [])];
}
