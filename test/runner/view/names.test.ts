import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeName, encodeName } from '../../../src/runner/view/names.ts';

test.each([
  ['plain.txt', 'plain.txt'],
  ['größe 漢 🎉', 'größe 漢 🎉'],
  ['\ufeffbom', '\ufeffbom'],
  ['a\nb', 'a\nb'],
])('UTF-8 stays what it is: %j', (name, decoded) => {
  expect(decodeName(Buffer.from(name))).toBe(decoded);
});

test('a byte that is not UTF-8 becomes a lone surrogate, its neighbours stay', () => {
  expect(decodeName(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3]))).toBe('a\udcffé\udcc3');
});

test('surrogates, overlong forms and code points past U+10FFFF are escaped byte by byte', () => {
  expect(decodeName(Buffer.from([0xed, 0xb2, 0x80]))).toBe('\udced\udcb2\udc80');
  expect(decodeName(Buffer.from([0xc0, 0xaf]))).toBe('\udcc0\udcaf');
  expect(decodeName(Buffer.from([0xf5, 0x80, 0x80, 0x80]))).toBe('\udcf5\udc80\udc80\udc80');
});

test('every byte string survives the way there and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect([...encodeName(decodeName(bytes))]).toEqual([...bytes]);
    }),
    { numRuns: 2000 },
  );
});
