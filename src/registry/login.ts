import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCredentials, parseProgramAnswer, type Credentials } from './credentials.ts';

/** The login at a registry that Docker's `config.json` has, by itself or from a credential program; null where there is none. */
export async function readLogin(registry: string, dockerConfig: string | null): Promise<Credentials | null> {
  if (dockerConfig === null) return null;
  const text = await readFile(dockerConfig, 'utf8').catch(() => '');
  const source = findCredentials(text, registry);
  switch (source.kind) {
    case 'none':
      return null;
    case 'inline':
      return source.credentials;
    case 'program':
      return new Promise((resolve) => {
        const child = execFile(source.program, ['get'], { timeout: 30_000 }, (error, stdout) =>
          resolve(error === null ? parseProgramAnswer(stdout) : null),
        );
        child.stdin?.on('error', () => {});
        child.stdin?.end(`${source.server}\n`);
      });
  }
}

/** Where Docker keeps its logins. */
export function dockerConfig(env: Readonly<Record<string, string | undefined>>): string | null {
  const { DOCKER_CONFIG: directory, HOME: home } = env;
  if (directory !== undefined && directory !== '') return join(directory, 'config.json');
  return home === undefined ? null : join(home, '.docker/config.json');
}
