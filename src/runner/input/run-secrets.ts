import { predefinedVariable } from '../../ir/variables.ts';
import type { Secrets as SecretsPort } from '../ports.ts';
import { readAwsCredentials } from './aws.ts';
import { createMask } from './mask.ts';
import type { Mask } from './mask.ts';
import { missingSecret } from './secrets.ts';
import type { Secrets } from './secrets.ts';

/** The secrets of a run as the runner asks for them. All that were given are masked, used or not, and the host's AWS keys with them. */
export function runSecrets({
  secrets,
  host,
}: {
  readonly secrets: Secrets;
  readonly host: Readonly<Record<string, string | undefined>>;
}): SecretsPort {
  let mask: Mask | null = null;
  const valuesToHide = (): readonly string[] => {
    const aws = readAwsCredentials({ region: '', host });
    const values = [...secrets.values(), ...(aws.found ? Object.values(aws.secrets) : [])];
    // `user:token` is as good as the token.
    const tokens = values.flatMap((value) => /^[\w-]+:(\S+)$/.exec(value)?.[1] ?? []);
    return [...values, ...tokens];
  };
  return {
    value: (name) => secrets.get(name) ?? null,
    optional: (name) => predefinedVariable(name)?.set === 'secret',
    async aws(region) {
      const found = readAwsCredentials({ region, host });
      return found.found ? { variables: { ...found.variables, ...found.secrets } } : { failure: found.why };
    },
    masker: () => (mask ??= createMask(valuesToHide())).stream(),
    advice: missingSecret,
  };
}
