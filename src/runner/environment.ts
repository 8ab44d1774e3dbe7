import type { RunnerName } from './events.ts';
import type { RunPorts } from './ports.ts';
import type { Position } from './position.ts';
import { holdsSecret, unseal } from './seal.ts';

/** The environment a step runs in. */
export interface Environment {
  /** For the process: predefined variables, SPLIT, secrets, and the user's own. */
  readonly given: Readonly<Record<string, string>>;
  /** What ENV set: exported after /etc/profile, over all others. */
  readonly env: Readonly<Record<string, string>>;
  /** The secrets in force. */
  readonly secrets: Readonly<Record<string, string>>;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What is in force at a position, with this run's values. `aws` are the variables of AWS link. */
export function environmentAt(
  position: Position,
  { ports, runner, aws }: { ports: RunPorts; runner: RunnerName; aws: Readonly<Record<string, string>> },
): Environment {
  const { state, split } = position;
  const secrets: Record<string, string> = { ...(position.aws === null ? {} : aws) };
  for (const name of position.secretEnv) {
    const value = ports.secrets.value(name);
    if (value !== null) secrets[name] = value;
  }
  const given: Record<string, string> = {
    PATH: path,
    ...ports.variables.all(runner),
    ...splitVariables(split),
    ...secrets,
  };
  Object.assign(given, { HOME: state.home, USER: state.user, LOGNAME: state.user, SHELL: '/bin/bash' });
  const env = Object.fromEntries(
    Object.entries(state.env).map(([name, value]) => [name, unseal(value, secrets, ports.store.hmacKey)]),
  );
  return { given, env, secrets };
}

function splitVariables(split: Position['split']): Readonly<Record<string, string>> {
  if (!split) return {};
  const count = { SPLIT_NUM: String(split.count) };
  return split.unordered ? count : { ...count, SPLIT: String(split.index) };
}

/** Whether the value of a name at a position holds a secret, or may. */
export function isSecret(name: string, { state, secretEnv }: Position, { ports }: { ports: RunPorts }): boolean {
  const set = state.env[name];
  return set ? holdsSecret(set) : secretEnv.includes(name) && ports.secrets.value(name) !== null;
}

/** The value of one name at a position, without asking for all of them; null where it is not set. */
export function valueAt(
  name: string,
  position: Position,
  { ports, runner }: { ports: RunPorts; runner: RunnerName },
): string | null {
  const { state } = position;
  const secret = (one: string) => (position.secretEnv.includes(one) ? ports.secrets.value(one) : null);
  const set = state.env[name];
  if (set) {
    const held = set.flatMap((part) => (typeof part !== 'string' && 'secret' in part ? [part.secret] : []));
    const known = Object.fromEntries(held.map((one) => [one, secret(one) ?? '']));
    return unseal(set, known, ports.store.hmacKey);
  }
  switch (name) {
    case 'HOME':
      return state.home;
    case 'USER':
    case 'LOGNAME':
      return state.user;
    case 'SHELL':
      return '/bin/bash';
    case 'PATH':
      return path;
  }
  return secret(name) ?? splitVariables(position.split)[name] ?? ports.variables.value(name, runner);
}
