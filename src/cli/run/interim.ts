import type { ExposePort, Secrets, Variables } from '../../runner/ports.ts';
export const variables: Variables = {
  value: (name) => (name === 'CI' ? 'true' : null),
  all: () => ({ CI: 'true' }),
};
export const secrets: Secrets = {
  value: () => null,
  optional: () => false,
  aws: async () => ({ failure: 'none' }),
  masker: () => ({ push: (chunk) => chunk, end: () => new Uint8Array() }),
  advice: (name) => `--secret ${name}`,
};
export const expose: ExposePort = { ready: async () => 'cannot', serve: null };
