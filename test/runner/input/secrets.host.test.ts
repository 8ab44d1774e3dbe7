import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createGit } from '../../../src/runner/input/git.ts';
import { missingSecret, readSecrets, secretMark } from '../../../src/runner/input/secrets.ts';
import type { SecretSources } from '../../../src/runner/input/secrets.ts';
import { git, gitEnv, scratch } from './workspace.ts';

function read(root: string, given: Partial<SecretSources> = {}) {
  const { secrets, errors, warnings } = readSecrets({
    root,
    git: createGit({ cwd: root, env: gitEnv }),
    host: {},
    named: [],
    files: [],
    cwd: root,
    ...given,
  });
  return { secrets: Object.fromEntries(secrets), errors, warnings };
}

function withFile(text: string): string {
  const root = scratch();
  mkdirSync(`${root}/.layer`);
  writeFileSync(`${root}/.layer/secrets`, text, { mode: 0o600 });
  return root;
}

describe('--secret', () => {
  test('takes the value from the environment', () => {
    expect(read('/', { named: ['TOKEN'], host: { TOKEN: 'a b=c', OTHER: 'no' } })).toEqual({
      secrets: { TOKEN: 'a b=c' },
      errors: [],
      warnings: [],
    });
  });

  test('refuses a value on the command line, without repeating it', () => {
    const { secrets, errors } = read('/', { named: ['TOKEN=hunter2'], host: { TOKEN: 'x' } });
    expect(secrets).toEqual({});
    expect(errors).toEqual([expect.stringContaining('use --secret TOKEN')]);
    expect(errors.join()).not.toContain('hunter2');
  });

  test('says what is missing', () => {
    expect(read('/', { named: ['TOKEN', 'EMPTY', 'a-b'], host: { EMPTY: '' } }).errors).toEqual([
      '--secret TOKEN: it is not in the environment, or empty; export TOKEN first',
      '--secret EMPTY: it is not in the environment, or empty; export EMPTY first',
      '--secret a-b: this is no name of a variable',
    ]);
    expect(missingSecret('TOKEN')).toContain('--secret-file TOKEN=path');
  });

  test('warns of a value that is too short to be masked', () => {
    expect(read('/', { named: ['PIN'], host: { PIN: '123' } }).warnings).toEqual([expect.stringContaining('PIN')]);
  });
});

describe('--secret-file', () => {
  test('gives the content in base64, through links and from pipes too', () => {
    const root = scratch();
    writeFileSync(`${root}/key`, Buffer.from([0, 255, 10]));
    symlinkSync('key', `${root}/link`);
    expect(read(root, { files: ['A=key', `B=${root}/link`] }).secrets).toEqual({ A: 'AP8K', B: 'AP8K' });
    execFileSync('mkfifo', [`${root}/pipe`]);
    const script = `printf piped > ${root}/pipe`;
    const writer = spawnSync('bash', ['-c', `(${script}) & disown; exit 0`], { stdio: 'ignore' });
    expect(writer.status).toBe(0);
    expect(read(root, { files: [`C=${root}/pipe`] }).secrets).toEqual({ C: Buffer.from('piped').toString('base64') });
  });

  test('says what is wrong', () => {
    const root = scratch();
    writeFileSync(`${root}/large`, Buffer.alloc(100_000));
    expect(read(root, { files: ['A=none', 'B=.', 'key', '=x', 'C=', 'D=large'] }).errors).toEqual([
      '--secret-file A: none is not there',
      '--secret-file B: . cannot be read (EISDIR)',
      '--secret-file key: write --secret-file NAME=path',
      '--secret-file : write --secret-file NAME=path',
      '--secret-file C: write --secret-file NAME=path',
      expect.stringContaining('--secret-file D is too long'),
    ]);
  });
});

describe('.layer/secrets', () => {
  test('is read where it is there', () => {
    const root = withFile(
      [
        '\ufeff# a comment',
        'TOKEN=a#b c ',
        "  export QUOTED = 'x # \\n y'  # why",
        'KEY="-----BEGIN-----\\nline \\"2\\"\nline 3\\\\"',
        'EMPTY=',
        '',
      ].join('\r\n'),
    );
    expect(read(root)).toEqual({
      secrets: { TOKEN: 'a#b c', QUOTED: 'x # \\n y', KEY: '-----BEGIN-----\nline "2"\nline 3\\' },
      errors: [],
      warnings: [],
    });
    expect(read(scratch())).toEqual({ secrets: {}, errors: [], warnings: [] });
  });

  test('stands behind what the command line gives', () => {
    const root = withFile('TOKEN=from file\nOTHER=from file');
    expect(read(root, { named: ['TOKEN'], host: { TOKEN: 'from shell' } }).secrets).toEqual({
      TOKEN: 'from shell',
      OTHER: 'from file',
    });
  });

  test('names the line that is no assignment, without its text', () => {
    const root = withFile('A=1234\n\nhunter2\nB="x\ny" hunter3\nC=\'never closed hunter4');
    const { errors } = read(root);
    expect(errors.map((error) => error.split(': ')[0])).toEqual([
      '.layer/secrets:3',
      '.layer/secrets:4',
      '.layer/secrets:5',
      '.layer/secrets:6',
    ]);
    expect(errors.join()).not.toContain('hunter');
  });

  test('is refused where others can read it, where it is in git, and where it is a link', () => {
    const root = withFile('A=1234');
    chmodSync(`${root}/.layer/secrets`, 0o640);
    expect(read(root)).toMatchObject({ secrets: {}, errors: [expect.stringContaining('chmod 600')] });
    chmodSync(`${root}/.layer/secrets`, 0o600);
    git(root, 'init', '-q');
    expect(read(root)).toMatchObject({
      secrets: { A: '1234' },
      errors: [],
      warnings: [expect.stringContaining('.gitignore')],
    });
    writeFileSync(`${root}/.gitignore`, '.layer/\n');
    expect(read(root)).toMatchObject({ secrets: { A: '1234' }, errors: [], warnings: [] });
    git(root, 'add', '-f', '.layer/secrets');
    expect(read(root)).toMatchObject({ secrets: {}, errors: [expect.stringContaining('git rm --cached')] });
    rmSync(`${root}/.layer/secrets`);
    symlinkSync('/etc/passwd', `${root}/.layer/secrets`);
    expect(read(root)).toMatchObject({ secrets: {}, errors: [expect.stringContaining('is a link')] });
  });
});

test('a token of the host is GIT_CLONE_USER, unless one was given', () => {
  expect(read('/', { host: { GITHUB_TOKEN: 'ghs_1' } }).secrets).toEqual({ GIT_CLONE_USER: 'x-access-token:ghs_1' });
  expect(read('/', { host: { GH_TOKEN: 'ghs_1', GIT_CLONE_USER: 'me:x' }, named: ['GIT_CLONE_USER'] }).secrets).toEqual(
    { GIT_CLONE_USER: 'me:x' },
  );
});

test('a mark tells a rotation, and depends on the store and on the name', () => {
  const mark = (hmacKey: string, name: string, value: string) => secretMark({ hmacKey, name, value });
  const marks = [mark('00', 'A', 'x'), mark('00', 'A', 'y'), mark('01', 'A', 'x'), mark('00', 'B', 'x')];
  expect(new Set(marks).size).toBe(4);
  expect(mark('00', 'A', 'x')).toBe(marks[0]);
});
