import type { EarthKeyword } from './ast.ts';

/** What a flag takes: nothing (`--push`), or a value (`--secret=A` or `--secret A`). */
type Flag = 'switch' | 'value';

/** What is known of a command beyond its form. */
export interface EarthCommandRule {
  readonly flags: Readonly<Record<string, Flag>>;
  /** The fewest words (flags not counted) it makes sense with. */
  readonly leastWords: number;
  /** The form, for messages. */
  readonly form: string;
  /** Feature flags that parts of it need: the whole command under the empty name, a flag under its own. */
  readonly needs: Readonly<Record<string, string>>;
}

const run: Readonly<Record<string, Flag>> = {
  '--secret': 'value',
  '--mount': 'value',
  '--privileged': 'switch',
  '--ssh': 'switch',
  '--no-cache': 'switch',
};

const reference: Readonly<Record<string, Flag>> = {
  '--platform': 'value',
  '--build-arg': 'value',
  '--allow-privileged': 'switch',
  '--pass-args': 'switch',
};

const passArgs = { '--pass-args': 'pass-args' };

function rule(
  form: string,
  leastWords: number,
  flags: Readonly<Record<string, Flag>> = {},
  needs: Readonly<Record<string, string>> = {},
): EarthCommandRule {
  return { form, leastWords, flags, needs };
}

/** Every command's flags and least words. Commands of Dockerfiles that Earthfiles refuse are in `unsupportedCommands`. */
export const earthCommands: Readonly<Record<EarthKeyword, EarthCommandRule>> = {
  FROM: rule('FROM <image or +target>', 1, reference, passArgs),
  'FROM DOCKERFILE': rule(
    'FROM DOCKERFILE <context>',
    1,
    { ...reference, '-f': 'value', '--target': 'value' },
    { ...passArgs, '--allow-privileged': 'allow-privileged-from-dockerfile' },
  ),
  LOCALLY: rule('LOCALLY', 0),
  COPY: rule(
    'COPY <source>… <destination>',
    2,
    {
      ...reference,
      '--dir': 'switch',
      '--chown': 'value',
      '--chmod': 'value',
      '--keep-ts': 'switch',
      '--keep-own': 'switch',
      '--if-exists': 'switch',
      '--symlink-no-follow': 'switch',
      '--from': 'value',
    },
    { ...passArgs, '--chmod': 'use-chmod' },
  ),
  'SAVE ARTIFACT': rule('SAVE ARTIFACT <path> [<artifact path>] [AS LOCAL <local path>]', 1, {
    '--keep-ts': 'switch',
    '--keep-own': 'switch',
    '--if-exists': 'switch',
    '--symlink-no-follow': 'switch',
    '--force': 'switch',
  }),
  'SAVE IMAGE': rule(
    'SAVE IMAGE <name>…',
    0,
    {
      '--cache-from': 'value',
      '--push': 'switch',
      '--cache-hint': 'switch',
      '--insecure': 'switch',
      '--no-manifest-list': 'switch',
      '--without-earthly-labels': 'switch',
    },
    { '--no-manifest-list': 'use-no-manifest-list', '--without-earthly-labels': 'allow-without-earthly-labels' },
  ),
  RUN: rule(
    'RUN <command>',
    1,
    {
      ...run,
      '--push': 'switch',
      '--entrypoint': 'switch',
      '--with-docker': 'switch',
      '--aws': 'switch',
      '--oidc': 'value',
      '--network': 'value',
      '--interactive': 'switch',
      '--interactive-keep': 'switch',
      '--raw-output': 'switch',
    },
    { '--aws': 'run-with-aws', '--oidc': 'run-with-aws-oidc', '--network': 'no-network', '--raw-output': 'raw-output' },
  ),
  EXPOSE: rule('EXPOSE <port>…', 1),
  VOLUME: rule('VOLUME <path>…', 1),
  ENV: rule('ENV <name>=<value>', 0),
  ARG: rule(
    'ARG [--required] [--global] <name>[=<default>]',
    0,
    { '--required': 'switch', '--global': 'switch' },
    { '--global': 'explicit-global' },
  ),
  LET: rule('LET <name>=<value>', 0, {}, { '': 'arg-scope-and-set' }),
  SET: rule('SET <name>=<value>', 0, {}, { '': 'arg-scope-and-set' }),
  LABEL: rule('LABEL <name>=<value>…', 0),
  BUILD: rule(
    'BUILD <+target> [--<arg>=<value>…]',
    1,
    { ...reference, '--auto-skip': 'switch' },
    { ...passArgs, '--auto-skip': 'build-auto-skip' },
  ),
  WORKDIR: rule('WORKDIR <path>', 1),
  USER: rule('USER <user>', 1),
  CMD: rule('CMD <command>', 0),
  ENTRYPOINT: rule('ENTRYPOINT <command>', 0),
  'GIT CLONE': rule('GIT CLONE <url> <path>', 2, { '--branch': 'value', '--keep-ts': 'switch' }),
  HEALTHCHECK: rule('HEALTHCHECK NONE, or HEALTHCHECK CMD <command>', 1, {
    '--interval': 'value',
    '--timeout': 'value',
    '--start-period': 'value',
    '--start-interval': 'value',
    '--retries': 'value',
  }),
  DO: rule(
    'DO <+FUNCTION> [--<arg>=<value>…]',
    1,
    { '--allow-privileged': 'switch', '--pass-args': 'switch' },
    passArgs,
  ),
  COMMAND: rule('COMMAND', 0),
  FUNCTION: rule('FUNCTION', 0, {}, { '': 'use-function-keyword' }),
  IMPORT: rule(
    'IMPORT <reference> [AS <alias>]',
    1,
    { '--allow-privileged': 'switch', '--pass-args': 'switch' },
    passArgs,
  ),
  VERSION: rule('VERSION [--<feature>…] <version>', 1),
  CACHE: rule(
    'CACHE <path>',
    1,
    { '--sharing': 'value', '--chmod': 'value', '--id': 'value', '--persist': 'switch' },
    { '': 'use-cache-command', '--id': 'global-cache', '--persist': 'cache-persist-option' },
  ),
  HOST: rule('HOST <name> <address>', 2, {}, { '': 'use-host-command' }),
  PROJECT: rule('PROJECT <organization>/<project>', 1),
  PIPELINE: rule('PIPELINE', 0, { '--push': 'switch', '--no-pipeline-cache': 'switch' }),
  TRIGGER: rule('TRIGGER manual, TRIGGER pr <branch> or TRIGGER push <branch>', 1),
  'WITH DOCKER': rule(
    'WITH DOCKER',
    0,
    {
      '--compose': 'value',
      '--service': 'value',
      '--load': 'value',
      '--platform': 'value',
      '--build-arg': 'value',
      '--pull': 'value',
      '--cache-id': 'value',
      '--allow-privileged': 'switch',
      '--pass-args': 'switch',
    },
    { ...passArgs, '--cache-id': 'docker-cache' },
  ),
  IF: rule('IF <condition>', 1, run),
  'ELSE IF': rule('ELSE IF <condition>', 1, run),
  ELSE: rule('ELSE', 0),
  FOR: rule('FOR <name> IN <expression>', 2, { ...run, '--sep': 'value' }, { '': 'for-in' }),
  WAIT: rule('WAIT', 0, {}, { '': 'wait-block' }),
  TRY: rule('TRY', 0, {}, { '': 'try' }),
  CATCH: rule('CATCH', 0),
  FINALLY: rule('FINALLY', 0),
  END: rule('END', 0),
  ADD: rule('ADD', 0),
  SHELL: rule('SHELL', 0),
  ONBUILD: rule('ONBUILD', 0),
  STOPSIGNAL: rule('STOPSIGNAL', 0),
};

/** Commands of Dockerfiles that are read and refused, with what to use. */
export const unsupportedCommands: Partial<Record<EarthKeyword, string>> = {
  ADD: 'use COPY',
  SHELL: 'begin the command with the shell you want',
  ONBUILD: 'make it a function and call it with DO',
  STOPSIGNAL: 'leave it out',
};
