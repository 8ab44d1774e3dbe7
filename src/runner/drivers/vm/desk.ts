import type { Workers } from './children.ts';
import type { Session } from './session.ts';

/** The child of the agent's that a saved guest holds for what is done one batch after another; null: none. Plain JSON. */
export interface DeskState {
  readonly number: number;
  /** Whether all that it was asked for is answered. */
  readonly idle: boolean;
}

/** A child in the agent's own surroundings that stays, and is saved with the guest: so that nothing is started for a few calls, nor after a restore. */
export class Desk {
  readonly #workers: Workers;
  #worker: { readonly number: number; readonly session: Session } | null = null;

  constructor(workers: Workers, state: DeskState | null) {
    this.#workers = workers;
    if (state === null) return;
    const worker = workers.resume(state.number);
    // Answers that nobody waits for would be taken for those to come.
    if (state.idle) this.#worker = worker;
    else worker.session[Symbol.dispose]();
  }

  get state(): DeskState | null {
    return this.#worker && { number: this.#worker.number, idle: this.#worker.session.isIdle };
  }

  /** Whoever uses it closes what it opens, and leaves it where it is. */
  get session(): Session {
    if (this.#worker === null || this.#worker.session.isOver) this.#worker = this.#workers.start();
    return this.#worker.session;
  }
}
