import { Buffer } from 'node:buffer';
import { FrameReader } from '../frames.ts';
import type { Argument, Call, CallName, Result } from './calls.ts';
import { attempt, call, CallFailed, closeOnExec, decodeResults, encodeBatch } from './calls.ts';

/** What a child of the agent's is reached by. */
export interface Line {
  /** Writes to its input. */
  send(bytes: Buffer): void;
  /** Kills it. */
  end(): void;
}

interface Waiting {
  readonly batch: readonly Call[];
  /** Hears, once the batch is done, what follows; null where that is an answer to the next. */
  readonly becomes: ((bytes: Buffer) => void) | null;
  resolve(results: readonly Result[]): void;
  reject(why: Error): void;
}

/** A child of the agent's that does calls. */
export class Session implements Disposable {
  readonly #line: Line;
  /** What has come of an answer that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0);
  #waiting: Waiting[] = [];
  #over: Error | null = null;

  constructor(line: Line) {
    this.#line = line;
  }

  /** Does the calls, one after another. Rejects with `CallFailed` at the first that fails and was not to; those after it are not done. */
  async run(batch: readonly Call[]): Promise<readonly Result[]> {
    return batch.length === 0 ? [] : await this.#send(batch, null);
  }

  /**
   * Does a batch and then, where all of it was done, `last`, by which the child becomes a program: what it says behind the answer to the batch is for `heard`.
   * Both are sent at once.
   */
  async become(
    batch: readonly Call[],
    last: readonly Call[],
    heard: (bytes: Buffer) => void,
  ): Promise<readonly Result[]> {
    const mark = call('dup3', 0, doneDescriptor, closeOnExec);
    const results = this.#send([...batch, mark], heard);
    // Where the batch ended before its end, there is nothing to be closed, and this ends as well.
    this.#line.send(encodeBatch([call('close', doneDescriptor), ...last]));
    return await results;
  }

  async #send(batch: readonly Call[], becomes: Waiting['becomes']): Promise<readonly Result[]> {
    if (this.#over !== null) throw this.#over;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Result[]>();
    this.#waiting.push({ batch, becomes, resolve, reject });
    this.#line.send(encodeBatch(batch));
    return await promise;
  }

  /** Whether all that it was asked for is answered. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#rest.length === 0;
  }

  /** Whether it takes nothing any more. */
  get isOver(): boolean {
    return this.#over !== null;
  }

  /** One call's result. */
  async call(name: CallName, ...given: readonly Argument[]): Promise<Result> {
    const [result] = await this.run([call(name, ...given)]);
    if (result === undefined) throw new Error('a batch was answered without a result');
    return result;
  }

  /** Closes a descriptor; nobody waits for that. */
  close(fd: number): void {
    this.run([attempt('close', fd)]).catch(() => {});
  }

  /** Its output. */
  heard(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readUInt32BE(0)) {
      const end = 4 + this.#rest.readUInt32BE(0);
      const [fields = []] = new FrameReader().push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      const first = this.#waiting.shift();
      if (first === undefined) continue;
      const results = decodeResults(first.batch, fields);
      const failed = failureOf(first.batch, results);
      if (failed !== null) {
        first.reject(failed);
        continue;
      }
      first.resolve(results);
      if (first.becomes === null) continue;
      const more = this.#rest;
      this.#rest = Buffer.alloc(0);
      return first.becomes(more);
    }
  }

  /** It has ended, or will not be heard again. */
  ended(why: Error): void {
    this.#over ??= why;
    for (const { reject } of this.#waiting) reject(this.#over);
    this.#waiting = [];
  }

  [Symbol.dispose](): void {
    this.#line.end();
    this.ended(new Error('the session is over'));
  }
}

/** Is open in a child that has done what it was to do before it becomes a program. */
const doneDescriptor = 90;

function failureOf(batch: readonly Call[], results: readonly Result[]): CallFailed | null {
  const at = results.findIndex(({ value }, n) => value < 0 && batch[n]?.mayFail === false);
  const failed = batch[at];
  return failed === undefined ? null : new CallFailed({ call: failed, at, results });
}
