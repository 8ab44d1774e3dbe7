import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../../src/runner/drivers/frames.ts';
import { attempt, call } from '../../../../src/runner/drivers/vm/calls.ts';
import { Children, Workers } from '../../../../src/runner/drivers/vm/children.ts';
import { Desk } from '../../../../src/runner/drivers/vm/desk.ts';
import { Session } from '../../../../src/runner/drivers/vm/session.ts';

/** What a child answers to a batch of calls without rooms. */
function answer(...values: readonly number[]): Buffer {
  return encodeFrame(
    values.map((value) => {
      const field = Buffer.alloc(8);
      field.writeBigInt64BE(BigInt(value));
      return field;
    }),
  );
}

describe('a child that becomes a program', () => {
  const pieces = (bytes: Buffer, size: number): readonly Buffer[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));

  it.each([1, 3, 7, 1000])('says what it has to say behind its answer, in pieces of %i', async (size) => {
    const sent: Buffer[] = [];
    const session = new Session({ send: (bytes) => void sent.push(bytes), end: () => {} });
    const heard: Buffer[] = [];
    let becomes = (bytes: Buffer): void => session.heard(bytes);
    const done = session.become([call('setsid'), attempt('sync')], [attempt('execve', '/bin/bash')], (bytes) => {
      heard.push(bytes);
      becomes = (more) => void heard.push(more);
    });
    expect(sent.length).toBe(2);
    for (const piece of pieces(Buffer.concat([answer(7, -1, 90), Buffer.from('\0\0\0\0said')]), size)) becomes(piece);
    expect((await done).map(({ value }) => value)).toEqual([7, -1, 90]);
    expect(Buffer.concat(heard).toString()).toBe('\0\0\0\0said');
  });

  it('becomes none where a call before has failed', async () => {
    const session = new Session({ send: () => {}, end: () => {} });
    const done = session.become([call('chdir', '/none'), call('setsid')], [attempt('execve', '/bin/bash')], () => {
      throw new Error('it was heard');
    });
    session.heard(Buffer.concat([answer(-2), answer(-9)]));
    await expect(done).rejects.toThrow('/none: No such file or directory');
    expect(session.isIdle).toBe(true);
  });
});

describe('the child that is saved with a guest', () => {
  const said = (message: Buffer): string => `${message.readUInt32BE(4)} ${String.fromCharCode(message[8] ?? 0)}`;
  const deskOf = (state: ConstructorParameters<typeof Desk>[1]): { readonly desk: Desk; readonly sent: string[] } => {
    const sent: string[] = [];
    const children = new Children((bytes) => void sent.push(said(bytes)), { next: 9, unparsed: Buffer.alloc(0) });
    return { desk: new Desk(new Workers(children, new Promise(() => {})), state), sent };
  };

  it('goes on after a restore', async () => {
    const { desk, sent } = deskOf({ number: 4, idle: true });
    void desk.session.run([call('sync')]);
    expect(sent).toEqual(['4 i']);
    expect(desk.state).toEqual({ number: 4, idle: false });
    desk.session.heard(answer(0));
    expect(desk.state).toEqual({ number: 4, idle: true });
  });

  it('is ended where it owes an answer, and another takes its place', async () => {
    const { desk, sent } = deskOf({ number: 4, idle: false });
    expect(desk.state).toBeNull();
    void desk.session.run([call('sync')]);
    expect(sent).toEqual(['4 k', '9 s', '9 i']);
  });
});
