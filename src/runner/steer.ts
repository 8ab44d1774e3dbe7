import type { ChainStep } from './chain.ts';
import { allHold } from './conditions.ts';
import type { RunContext } from './context.ts';
import { valueAt } from './environment.ts';
import { isWorking, type SteeringStep } from './instruction.ts';
import { pressInstance, splitInstance } from './key.ts';
import type { Position } from './position.ts';

/** What a steering step makes of a run. */
export type Steered =
  | { readonly kind: 'on'; readonly position: Position }
  | { readonly kind: 'wait'; readonly step: Extract<SteeringStep, { kind: 'wait' }> }
  | { readonly kind: 'button'; readonly step: Extract<SteeringStep, { kind: 'button' }> };

/** Takes a step that leaves nothing in the machine. WAIT and BUTTON that are still open are left to the caller; `passed` takes the position over them. */
export function steer(chainStep: ChainStep, position: Position, context: RunContext): Steered {
  const { step, index } = chainStep;
  const on = (change: Partial<Position>): Steered => ({
    kind: 'on',
    position: { ...position, next: index + 1, ...change },
  });
  if (isWorking(step)) throw new Error(`${step.kind} does not steer`);
  switch (step.kind) {
    case 'buildEnv':
      return on({
        buildEnv: union(
          position.buildEnv,
          step.names.map((one) => one.name),
        ),
      });
    case 'secretEnv':
      return on({
        secretEnv: union(
          position.secretEnv,
          step.names.map((one) => one.name),
        ),
      });
    case 'checkpoint':
      return on({});
    case 'split': {
      if (context.copy === null) throw new Error('a chain with SPLIT has copies');
      const copy = { index: context.copy, count: step.count, unordered: step.unordered };
      return on({ split: copy, instance: splitInstance(position.instance, copy) });
    }
    case 'wait':
      return index < context.chain.own ? on({}) : { kind: 'wait', step };
    case 'button':
      return index < context.chain.own || context.pressed.has(index)
        ? passed(chainStep, position, context)
        : { kind: 'button', step };
    case 'skipIf': {
      if (!allHold(step.conditions, (name) => valueAt(name, position, context))) return on({});
      return on({ next: endOfLayer(chainStep, context) });
    }
  }
}

/** The position after a WAIT that is over or a BUTTON that has been pressed. */
export function passed(
  chainStep: ChainStep,
  position: Position,
  context: RunContext,
): Extract<Steered, { kind: 'on' }> {
  const next = chainStep.index + 1;
  if (chainStep.step.kind !== 'button') return { kind: 'on', position: { ...position, next } };
  return { kind: 'on', position: { ...position, next, instance: pressInstance(position.instance, context.run) } };
}

/** The index after the last step of the Layerfile that a step stands in. */
function endOfLayer(chainStep: ChainStep, context: RunContext): number {
  const after = context.chain.steps.findIndex((one) => one.index > chainStep.index && one.layer !== chainStep.layer);
  return after < 0 ? context.chain.steps.length : after;
}

/** How many steps a SKIP REMAINING IF leaves out. */
export function skippedByCondition(chainStep: ChainStep, context: RunContext): number {
  return endOfLayer(chainStep, context) - chainStep.index - 1;
}

function union(before: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...before, ...more])];
}
