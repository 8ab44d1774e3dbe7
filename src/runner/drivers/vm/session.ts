import type { Buffer } from 'node:buffer';
import { FrameReader } from '../frames.ts';
import type { Argument, Call, CallName, Result } from './calls.ts';
import { attempt, call, CallFailed, decodeResults, encodeBatch } from './calls.ts';

/** What a child of the agent's is reached by. */
export interface Line {
  /** Writes to its input. */
  send(bytes: Buffer): void;
  /** Kills it. */
  end(): void;
}

/** A child of the agent's that does calls. */
export class Session implements Disposable {
  readonly #line: Line;
  readonly #frames = new FrameReader();
  #waiting: { readonly batch: readonly Call[]; resolve(results: readonly Result[]): void; reject(why: Error): void }[] =
    [];
  #over: Error | null = null;

  constructor(line: Line) {
    this.#line = line;
  }

  /** Does the calls, one after another. Rejects with `CallFailed` at the first that fails and was not to; those after it are not done. */
  async run(batch: readonly Call[]): Promise<readonly Result[]> {
    if (this.#over !== null) throw this.#over;
    if (batch.length === 0) return [];
    const { promise, resolve, reject } = Promise.withResolvers<readonly Result[]>();
    this.#waiting.push({ batch, resolve, reject });
    this.#line.send(encodeBatch(batch));
    const results = await promise;
    const at = results.findIndex(({ value }, n) => value < 0 && batch[n]?.mayFail === false);
    const failed = batch[at];
    if (failed !== undefined) throw new CallFailed({ call: failed, at, results });
    return results;
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
    for (const fields of this.#frames.push(bytes)) {
      const first = this.#waiting.shift();
      first?.resolve(decodeResults(first.batch, fields));
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
