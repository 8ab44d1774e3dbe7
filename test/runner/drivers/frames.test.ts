import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { encodeFrame, FrameReader } from '../../../src/runner/drivers/frames.ts';

it('writes lengths big endian before the frame and each field', () => {
  expect(encodeFrame([1, 'é', new Uint8Array([0, 255])]).toString('hex')).toBe(
    '0000001100000001' + '31' + '00000002' + 'c3a9' + '00000002' + '00ff',
  );
});

it('reads frames however the stream is cut', () => {
  const frames = [['1', 'ok', ''], ['2', 'output', 'x'.repeat(1000)], []];
  const stream = Buffer.concat(frames.map((fields) => encodeFrame(fields)));
  for (const size of [1, 2, 3, 7, 500, stream.length]) {
    const reader = new FrameReader();
    const seen: string[][] = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const fields of reader.push(stream.subarray(at, at + size)))
        seen.push(fields.map((field) => field.toString()));
    }
    expect(seen).toEqual(frames);
  }
});

it('refuses a field that is longer than its frame', () => {
  const lying = Buffer.from('00000005' + '000000ff' + '31', 'hex');
  expect(() => [...new FrameReader().push(lying)]).toThrow('malformed');
});
