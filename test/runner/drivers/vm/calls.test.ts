import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { attempt, call, decodeResults, encodeBatch, joined } from '../../../../src/runner/drivers/vm/calls.ts';
import { Session } from '../../../../src/runner/drivers/vm/session.ts';
import { encodeFrame } from '../../../../src/runner/drivers/frames.ts';
import { mountPoints } from '../../../../src/runner/drivers/vm/view-places.ts';

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};

it('a batch names its calls, and says of each argument what it is', () => {
  const batch = [call('openat', -100, 'a\xff', 0, 0), attempt('read', { resultOf: 0 }, { filled: 3 }, 3)];
  const letter = (kind: string, rest: Buffer): Buffer => Buffer.concat([Buffer.from(kind), rest]);
  const fields = [
    ...[Buffer.from('copenat'), letter('i', number(-100)), Buffer.from('sa\xff\0', 'latin1')],
    ...[letter('i', number(0)), letter('i', number(0)), Buffer.from('c?read'), letter('r', number(0))],
    ...[letter('b', number(3)), letter('i', number(3))],
  ];
  expect(encodeBatch(batch)).toEqual(encodeFrame(fields));
});

it('batches that are joined mean their own results', () => {
  const one = [call('socket', 2, 2, 0), call('close', { resultOf: 0 })];
  expect(joined(one, [], one)[3]).toEqual(call('close', { resultOf: 2 }));
});

it('results are those of the calls that were made', () => {
  const batch = [call('statx', 0, '', 0, 0, { room: 2 }), call('close', 3)];
  expect(decodeResults(batch, [number(0), Buffer.from('ab'), number(-9)])).toEqual([
    { value: 0, rooms: [Buffer.from('ab')] },
    { value: -9, rooms: [] },
  ]);
  expect(decodeResults(batch, [number(-2), Buffer.alloc(0)])).toHaveLength(1);
});

it('a call that fails ends its batch with what it was about, unless it may', async () => {
  let ended = 0;
  const session = new Session({ send: () => {}, end: () => ended++ });
  const may = session.run([attempt('unlinkat', -100, '/none', 0)]);
  const must = session.run([call('openat', -100, '/none', 0, 0), call('close', { resultOf: 0 })]);
  const answers = Buffer.concat([encodeFrame([number(-2)]), encodeFrame([number(-2)])]);
  session.heard(answers.subarray(0, 5));
  session.heard(answers.subarray(5));
  expect(await may).toEqual([{ value: -2, rooms: [] }]);
  await expect(must).rejects.toThrow(
    expect.objectContaining({ message: '/none: No such file or directory', code: 'ENOENT' }),
  );
  const late = session.run([call('sync')]);
  session[Symbol.dispose]();
  await expect(late).rejects.toThrow('over');
  expect(ended).toBe(1);
});

it('mount points are told as they are', () => {
  const line = (point: string): string => `30 1 254:0 / ${point} rw,relatime - ext4 /dev/vda rw`;
  expect(mountPoints(`${line('/')}\n${line('/a\\040b\\134')}\n`)).toEqual(['/', '/a b\\']);
});
