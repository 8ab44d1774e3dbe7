import { createHmac } from 'node:crypto';
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RepoPath } from '../../host.ts';
import { isVariableName } from '../../ir/variables.ts';
import { isSystemError, openFile, pathIn, statPath } from './disk.ts';
import { parseEnvFile } from './env-file.ts';
import type { Git } from './git.ts';

/** The secrets of a run, by name. Only those that a SECRET ENV names ever reach a machine. */
export type Secrets = ReadonlyMap<string, string>;

export interface SecretSources {
  /** The repository's root; `.layer/secrets` in it is read where it is there. */
  readonly root: string;
  readonly git: Git;
  /** The caller's environment. */
  readonly host: Readonly<Record<string, string | undefined>>;
  /** `--secret NAME`. */
  readonly named: readonly string[];
  /** `--secret-file NAME=path`; relative paths are relative to `cwd`. */
  readonly files: readonly string[];
  readonly cwd: string;
}

const secretsFile = '.layer/secrets' as RepoPath;
/** What Linux takes as one text of an environment (MAX_ARG_STRLEN), the name and `=` kept free. */
const limitBytes = 128 * 1024 - 1024;
/** Shorter ones are not masked: that would blacken ordinary output and give them away by the holes. */
export const maskedFromLength = 4;

/**
 * Collects secrets: `--secret` and `--secret-file` first, then `.layer/secrets`, then a token of the host as GIT_CLONE_USER. Everything that is wrong
 * is said, each with its remedy, and never with a value in it.
 */
export function readSecrets(sources: SecretSources): {
  readonly secrets: Secrets;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
} {
  const secrets = new Map<string, string>();
  const errors: string[] = [];
  const warnings: string[] = [];
  const add = (name: string, value: string, origin: string): void => {
    if (secrets.has(name)) return;
    if (value.includes('\0'))
      errors.push(`${origin} holds a NUL byte, which no environment can; use --secret-file ${name}=path`);
    else if (Buffer.byteLength(value) > limitBytes)
      errors.push(`${origin} is too long for an environment (${limitBytes} bytes)`);
    else secrets.set(name, value);
  };

  for (const text of sources.named) {
    const [name = ''] = text.split('=');
    if (text.includes('=')) {
      errors.push(
        `--secret ${name}=…: arguments can be seen by everyone on this machine and stay in the shell's history; put it into the environment and use --secret ${name}`,
      );
      continue;
    }
    if (!isVariableName(name)) errors.push(`--secret ${name}: this is no name of a variable`);
    else if (!sources.host[name])
      errors.push(`--secret ${name}: it is not in the environment, or empty; export ${name} first`);
    else add(name, sources.host[name], `--secret ${name}`);
  }
  for (const text of sources.files) {
    const equals = text.indexOf('=');
    const name = text.slice(0, Math.max(0, equals));
    const path = text.slice(equals + 1);
    if (!isVariableName(name) || path === '') {
      errors.push(`--secret-file ${equals < 0 ? text : name}: write --secret-file NAME=path`);
      continue;
    }
    const content = readNamed(resolve(sources.cwd, path));
    if ('why' in content) errors.push(`--secret-file ${name}: ${path} ${content.why}`);
    else add(name, content.bytes.toString('base64'), `--secret-file ${name}`);
  }
  readSecretsFile(sources, { add, errors, warnings });
  const token = sources.host['GITHUB_TOKEN'] || sources.host['GH_TOKEN'];
  if (token) add('GIT_CLONE_USER', `x-access-token:${token}`, 'GITHUB_TOKEN');

  for (const [name, value] of secrets) {
    if (value.length < maskedFromLength) {
      warnings.push(`the secret ${name} is shorter than ${maskedFromLength} characters and is not masked in output`);
    }
  }
  return { secrets, errors, warnings };
}

/** What to say when a SECRET ENV names a secret that nobody gave. */
export function missingSecret(name: string): string {
  return `the secret ${name} is not there: export it and add --secret ${name}, or --secret-file ${name}=path, or write ${name}=… into .layer/secrets (chmod 600, not in git)`;
}

/** Stands for a secret's value in keys: tells a rotation, gives nothing away without the store's own key. */
export function secretMark(given: { readonly hmacKey: string; readonly name: string; readonly value: string }): string {
  return createHmac('sha256', Buffer.from(given.hmacKey, 'hex')).update(`${given.name}\0${given.value}`).digest('hex');
}

function readSecretsFile(
  { root, git }: SecretSources,
  to: {
    readonly add: (name: string, value: string, origin: string) => void;
    readonly errors: string[];
    readonly warnings: string[];
  },
): void {
  const content = readOwn(pathIn(root, secretsFile));
  if (content === null) return;
  if ('why' in content) {
    to.errors.push(`${secretsFile} ${content.why}`);
    return;
  }
  if ((content.mode & 0o077) !== 0) {
    to.errors.push(`${secretsFile} can be read by others on this machine; run: chmod 600 ${secretsFile}`);
    return;
  }
  if (git.runSync(['ls-files', '--error-unmatch', '--', secretsFile]).code === 0) {
    to.errors.push(
      `${secretsFile} is in git, so whoever can read the repository has its secrets; run: git rm --cached ${secretsFile}, and give out new ones`,
    );
    return;
  }
  if (git.runSync(['check-ignore', '--quiet', '--', secretsFile]).code === 1) {
    to.warnings.push(`${secretsFile} is not ignored by git and may be committed by mistake; add it to .gitignore`);
  }
  const parsed = parseEnvFile(content.bytes.toString('utf8'));
  for (const { line, why } of parsed.errors) to.errors.push(`${secretsFile}:${line}: ${why}`);
  for (const [name, value] of parsed.values) if (value !== '') to.add(name, value, `${name} in ${secretsFile}`);
}

/** A file that the caller names: links are followed, a pipe (`<(…)`) is read to its end. */
function readNamed(path: string): { readonly bytes: Buffer } | { readonly why: string } {
  try {
    return { bytes: readFileSync(path) };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { why: error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code})` };
  }
}

/** A file of the repository: no link, no pipe. */
function readOwn(path: string): { readonly bytes: Buffer; readonly mode: number } | { readonly why: string } | null {
  const opened = openFile(path);
  if (typeof opened === 'string') {
    const stat = statPath(path);
    if (stat === null) return null;
    return { why: stat.kind === 'link' ? 'is a link; put the file itself there' : 'cannot be read' };
  }
  try {
    const stat = fstatSync(opened.fd);
    return stat.isFile() ? { bytes: readFileSync(opened.fd), mode: stat.mode } : { why: 'is not a file' };
  } finally {
    closeSync(opened.fd);
  }
}
