import { createHash, createHmac } from 'node:crypto';
import type { InstanceId, StepKey } from './store.ts';

/**
 * The observation policy's version: what is recorded, how it is fingerprinted and how keys are made.
 * Another number makes every older instance a miss.
 */
export const policyVersion = 1;

/** One thing a key is made of. `name` is how a miss calls it: `the instruction`, `BUILD ENV GIT_BRANCH`, `the working directory`. */
export interface KeyPart {
  readonly name: string;
  /** JSON-comparable text; never a secret in clear. */
  readonly value: string;
}

/** What makes another root: facts that hold for every step of a chain. */
export interface RootFacts {
  readonly baseDigest: string;
  readonly driver: string;
  readonly driverFormat: string;
  readonly architecture: string;
  readonly network: 'outward' | 'none';
  /** MEMORY in force for the chain; null where none is given. */
  readonly memoryBytes: number | null;
  readonly repository: string;
}

/** What makes another step, besides the instance it starts from. */
export interface StepFacts {
  /** The instruction after the runner's expansion, as JSON. */
  readonly instruction: string;
  /** Values of the names that BUILD ENV named so far; null is unset. Secrets come as `secretDigest`s. */
  readonly buildEnv: Readonly<Record<string, string | null>>;
  readonly cwd: string;
  readonly user: string;
  /** Names of SECRET ENV that have a value. */
  readonly secretsSet: readonly string[];
  readonly mtime: 'plain' | 'persistent';
}

/** The parts that hold for a whole chain; those of its first step, so that a miss there can say what is another. */
export function rootParts(facts: RootFacts): readonly KeyPart[] {
  return [
    { name: 'repository', value: facts.repository },
    { name: 'base', value: facts.baseDigest },
    { name: 'driver', value: `${facts.driver} ${facts.driverFormat} ${policyVersion}` },
    { name: 'architecture', value: facts.architecture },
    { name: 'network', value: facts.network },
    { name: 'MEMORY', value: String(facts.memoryBytes) },
  ];
}

function hash(kind: string, value: unknown): string {
  return createHash('sha256')
    .update(`layer ${kind} ${policyVersion}\n${JSON.stringify(value)}`)
    .digest('hex');
}

/** The instance that a chain starts from. */
export function rootInstance(facts: RootFacts): InstanceId {
  return hash('root', rootParts(facts)) as InstanceId;
}

/** How ids begin that belong to one run: what hangs on them no other run ever finds. */
export const ofOneRun = 'b'.repeat(16);

function markedLike(parent: string, id: string): InstanceId {
  return (parent.startsWith(ofOneRun) ? ofOneRun + id.slice(ofOneRun.length) : id) as InstanceId;
}

/** Copy `index` (from 0) of `count`: nothing after a SPLIT is shared between copies. */
export function splitInstance(
  parent: InstanceId,
  split: { readonly count: number; readonly index: number },
): InstanceId {
  return markedLike(parent, hash('split', [parent, split.count, split.index]));
}

/** What follows a BUTTON belongs to the run in which it was pressed. */
export function pressInstance(parent: InstanceId, run: string): InstanceId {
  return markedLike(ofOneRun, hash('press', [parent, run]));
}

/** What a secret that BUILD ENV names is in a key: says whether it is another one, and nothing about it. */
export function secretDigest(value: string, hmacKey: string): string {
  return `hmac:${createHmac('sha256', Buffer.from(hmacKey, 'hex')).update(value).digest('hex')}`;
}

/** The parts of a step's key, in the order in which a miss looks for the one that differs. */
export function keyParts(facts: StepFacts): readonly KeyPart[] {
  const names = Object.keys(facts.buildEnv).sort();
  return [
    { name: 'instruction', value: facts.instruction },
    ...names.map((name) => ({ name: `BUILD ENV ${name}`, value: JSON.stringify(facts.buildEnv[name] ?? null) })),
    { name: 'cwd', value: facts.cwd },
    { name: 'user', value: facts.user },
    { name: 'secrets', value: [...facts.secretsSet].sort().join(' ') },
    { name: 'mtime', value: facts.mtime },
  ];
}

/** Names of the secrets that were in force where something with such a key was made: what it left is tainted. */
export function secretsOf(parts: readonly KeyPart[]): readonly string[] {
  const value = parts.find((part) => part.name === 'secrets')?.value ?? '';
  return value === '' ? [] : value.split(' ');
}

/** Instances with the same key differ only in what their steps observed and made. */
export function stepKey(parent: InstanceId, parts: readonly KeyPart[]): StepKey {
  return hash('step', [parent, parts.map((part) => [part.name, part.value])]) as StepKey;
}

/** What a machine is kept under in which a step has failed: no step ever has this key, so that it is never taken for a result. */
export function failureKey(step: StepKey): StepKey {
  return hash('failure', step) as StepKey;
}

/** Told of at most; the rest is counted. */
const mostTold = 3;

/** Why no instance has this key, judged by the one of the same parent and instruction that differs least. */
export function keyDifference(
  parts: readonly KeyPart[],
  siblings: readonly { readonly keyParts: readonly KeyPart[] }[],
): string {
  const instruction = parts.find((part) => part.name === 'instruction')?.value;
  const alike = siblings.filter((one) =>
    one.keyParts.some((part) => part.name === 'instruction' && part.value === instruction),
  );
  const [nearest] = alike
    .map(({ keyParts }) => differencesBetween(keyParts, parts))
    .toSorted((a, b) => a.length - b.length);
  if (!nearest) return siblings.length === 0 ? 'the instruction is new' : 'the instruction changed';
  if (nearest.length === 0) return 'no earlier result is left';
  // Of another repository everything may be another.
  const told = nearest.find(({ name }) => name === 'repository') ?? null;
  const reasons = (told === null ? nearest : [told]).map(({ name, was, now }) => partDifference(name, was, now));
  const rest = reasons.length - mostTold;
  return rest > 0 ? `${reasons.slice(0, mostTold).join(', ')} and ${rest} more` : reasons.join(', ');
}

/** The parts that are another in two keys; null where one has none of that name. */
export function differencesBetween(
  before: readonly KeyPart[],
  after: readonly KeyPart[],
): readonly { readonly name: string; readonly was: string | null; readonly now: string | null }[] {
  const old = new Map(before.map((part) => [part.name, part.value]));
  const current = new Map(after.map((part) => [part.name, part.value]));
  return [...new Set([...current.keys(), ...old.keys()])].flatMap((name) => {
    const [was, now] = [old.get(name) ?? null, current.get(name) ?? null];
    return was === now ? [] : [{ name, was, now }];
  });
}

function partDifference(name: string, before: string | null, now: string | null): string {
  switch (name) {
    case 'cwd':
      return `the working directory is ${now}, was ${before}`;
    case 'user':
      return `the user is ${now}, was ${before}`;
    case 'repository':
      return 'nothing of this repository is kept yet';
    case 'base':
      return 'the base machine changed';
    case 'driver':
      return 'layer keeps its results in another way now';
    case 'architecture':
      return `this is another architecture (${now}, was ${before})`;
    case 'network':
      return `the network is ${now}, was ${before}`;
    case 'MEMORY':
      return 'MEMORY changed';
    case 'secrets':
      return 'other secrets are set';
    case 'mtime':
      return 'file times are kept from here on';
  }
  if (before === null) return `${name} is new`;
  if (now === null) return `${name} is gone`;
  if (now === 'null') return `${name} is unset now`;
  return `${name} changed`;
}
