import type { RunContext } from '../context.ts';
import type { Position } from '../position.ts';
import { openMachine, type OpenMachine } from '../restore.ts';

/** A machine that stands at one of some positions. Whoever opened it disposes `opened.machine`. */
export interface Reopened {
  readonly kind: 'open';
  readonly opened: OpenMachine;
  readonly position: Position;
}

/** Restores the last of these positions whose state was kept and can be brought up again; the first is the chain's root. */
export async function reopen(
  trail: readonly Position[],
  context: RunContext,
): Promise<Reopened | { readonly kind: 'broken'; readonly why: string }> {
  let before = Infinity;
  for (;;) {
    const at = trail.findLastIndex((one) => one.data !== null && one.next <= before);
    const position = trail[at];
    if (!position) return { kind: 'broken', why: 'there is no state to start from' };
    const opened = await openMachine(trail.slice(0, at + 1), context);
    if (opened.kind === 'open') return { kind: 'open', opened, position };
    if (opened.kind === 'broken') return opened;
    context.emit({ kind: 'note', runner: context.runner, level: 'warning', message: opened.note ?? opened.reason });
    before = opened.before;
  }
}
