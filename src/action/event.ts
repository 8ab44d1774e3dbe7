import { readFileSync } from 'node:fs';
import type { JobEvent } from './trust.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The event that caused the job, as the runner hands it over. A payload that cannot be read is none. */
export function readEvent(env: Environment): JobEvent {
  return { name: env['GITHUB_EVENT_NAME'] ?? '', ref: env['GITHUB_REF'] ?? '', payload: readPayload(env) };
}

function readPayload(env: Environment): unknown {
  const path = env['GITHUB_EVENT_PATH'];
  if (!path) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
