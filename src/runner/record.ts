import { randomBytes } from 'node:crypto';
import type { Exit } from './driver.ts';
import type { KeyedStep } from './lookup.ts';
import type { Instance, InstanceId } from './store.ts';

/** A finished step as an instance, with an id that no other ever has. */
export function record({
  keyed,
  exit,
  ...rest
}: Omit<Instance, 'id' | 'key' | 'keyParts' | 'exitCode' | 'layer' | 'first' | 'usedAt'> & {
  readonly keyed: KeyedStep;
  readonly exit: Exit;
}): Instance {
  return {
    ...rest,
    id: randomBytes(16).toString('hex') as InstanceId,
    key: keyed.key,
    first: keyed.first,
    keyParts: keyed.parts,
    usedAt: rest.createdAt,
    layer: keyed.layer,
    exitCode: 'code' in exit ? exit.code : 0,
  };
}
