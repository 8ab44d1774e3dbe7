import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { argumentsOf } from '../../../src/earthfile/arguments.ts';
import type { EarthBlock, EarthCommand, EarthfileAst, EarthStatement } from '../../../src/earthfile/ast.ts';
import { parseEarthfile } from '../../../src/earthfile/parse.ts';
import { referencesOf } from '../../../src/earthfile/references.ts';
import { commandsOf } from '../../../src/earthfile/walk.ts';
import { runIn } from './container.ts';
import { sentContext } from './context.ts';
import { expandWord } from './words.ts';

/** A build of one target: what Earthly would do with it, as far as this executor goes. */
export interface BuildRequest {
  /** The directory that holds the Earthfile: COPY takes from it. */
  readonly context: string;
  /** The root of every image. */
  readonly base: string;
  /** Directories of the caller's: for layers and artifacts, and for what CACHE keeps. */
  readonly work: string;
  readonly caches: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly push: boolean;
}

/** How a build ended: what each target's RUNs printed, and the first that failed. */
export interface BuildOutcome {
  readonly failed: { readonly target: string; readonly command: string; readonly code: number } | null;
  readonly output: readonly { readonly target: string; readonly line: string }[];
}

/** A target's state after a command. Immutable: targets that start from it go their own ways. */
interface State {
  readonly stack: readonly number[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly user: string;
}

interface Scope {
  state: State;
  readonly target: string;
  /** ARG and LET, in force in this target alone. */
  readonly variables: Map<string, string>;
  /** What the caller passed; handed on to targets of the same file. */
  readonly passed: ReadonlyMap<string, string>;
  readonly caches: Map<string, string>;
  readonly artifacts: string;
}

class Failure extends Error {
  readonly target: string;
  readonly command: string;
  readonly code: number;

  constructor(failed: { readonly target: string; readonly command: string; readonly code: number }) {
    super(`+${failed.target}: ${failed.command} exited with ${failed.code}`);
    this.target = failed.target;
    this.command = failed.command;
    this.code = failed.code;
  }
}

/** Builds a target and all that it refers to. Throws for commands that it does not know: nothing is passed over. */
export async function buildTarget(request: BuildRequest): Promise<BuildOutcome> {
  const text = readFileSync(join(request.context, 'Earthfile'), 'utf8');
  const { ast, diagnostics } = parseEarthfile({ path: 'Earthfile', text });
  if (diagnostics.length > 0) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  const build = new Build(ast, { ...request, context: sentContext(request) });
  try {
    await build.target(request.target, new Map(Object.entries(request.args)));
    return { failed: null, output: build.output };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { target, command, code } = error;
    return { failed: { target, command, code }, output: build.output };
  }
}

class Build {
  readonly output: { target: string; line: string }[] = [];
  private readonly built = new Map<string, Promise<Scope>>();
  private readonly ast: EarthfileAst;
  private readonly request: BuildRequest;
  private layers = 0;

  constructor(ast: EarthfileAst, request: BuildRequest) {
    this.ast = ast;
    this.request = request;
  }

  /** A target is built once with the same values of the ARGs that it or a target below it declares. */
  target(name: string, passed: ReadonlyMap<string, string>): Promise<Scope> {
    const declared = this.declared(name, new Set());
    const key = JSON.stringify([name, [...passed].filter(([arg]) => declared.has(arg)).sort()]);
    const known = this.built.get(key) ?? this.carryOut(name, passed);
    this.built.set(key, known);
    return known;
  }

  private declared(name: string, seen: Set<string>): ReadonlySet<string> {
    if (seen.has(name)) return new Set();
    seen.add(name);
    const recipe = this.ast.recipes.find((one) => one.name === name);
    const commands = [...commandsOf(recipe?.body ?? [])].map(({ command }) => command);
    const own = commands.flatMap(({ keyword, assignments }) =>
      keyword === 'ARG' ? assignments.map((one) => one.name.text) : [],
    );
    const below = commands.flatMap(referencesOf).flatMap((reference) => [...this.declared(reference.name, seen)]);
    return new Set([...own, ...below]);
  }

  private async carryOut(name: string, passed: ReadonlyMap<string, string>): Promise<Scope> {
    const recipe = this.ast.recipes.find((one) => one.kind === 'target' && one.name === name);
    if (recipe === undefined) throw new Error(`no target +${name}`);
    const state: State = { stack: [], env: new Map(), cwd: '/', user: 'root' };
    const artifacts = join(this.request.work, `artifacts-${name}`);
    const scope: Scope = { state, target: name, variables: new Map(), passed, caches: new Map(), artifacts };
    await this.body(recipe.body, scope);
    return scope;
  }

  private async body(statements: readonly EarthStatement[], scope: Scope): Promise<void> {
    for (const statement of statements) {
      if (statement.kind === 'simple') await this.command(statement.command, scope);
      else await this.block(statement, scope);
    }
  }

  private async block({ clauses }: EarthBlock, scope: Scope): Promise<void> {
    const [first] = clauses;
    switch (first?.command.keyword) {
      case 'IF':
        for (const { command, body } of clauses) {
          if (command.keyword === 'ELSE' || (await this.condition(command, scope))) return this.body(body, scope);
        }
        return;
      case 'FOR': {
        const { words } = argumentsOf(first.command);
        const [name, , ...items] = words.map(({ text }) => expandWord(text, this.variables(scope)));
        for (const item of items.flatMap((one) => one.split(/\s+/)).filter((one) => one !== '')) {
          scope.variables.set(name ?? '', item);
          await this.body(first.body, scope);
        }
        return;
      }
      case 'WAIT':
        return this.body(first.body, scope);
      default:
        throw new Error(`${first?.command.keyword} is not carried out here`);
    }
  }

  private variables({ state, variables }: Scope): ReadonlyMap<string, string> {
    return new Map([...state.env, ...variables]);
  }

  private async command(command: EarthCommand, scope: Scope): Promise<void> {
    const { flags, words } = argumentsOf(command);
    const variables = this.variables(scope);
    const expanded = words.map(({ text }) => expandWord(text, variables));
    const [assignment] = command.assignments;
    const name = assignment?.name.text ?? '';
    const value =
      assignment?.value === null || assignment === undefined ? null : expandWord(assignment.value.text, variables);
    const state = scope.state;
    switch (command.keyword) {
      case 'FROM': {
        const [image = '', ...passed] = expanded;
        if (!image.startsWith('+'))
          scope.state = { ...state, stack: [], cwd: '/', user: 'root', env: new Map([['PATH', path]]) };
        else scope.state = (await this.target(image.slice(1), passOn(scope.passed, passed))).state;
        return;
      }
      case 'BUILD': {
        const [reference = '', ...passed] = expanded;
        await this.target(reference.slice(1), passOn(scope.passed, passed));
        return;
      }
      case 'ARG': {
        const given = scope.passed.get(name);
        if (given === undefined && flags.some((flag) => flag.name === '--required'))
          throw new Error(`ARG ${name} is required`);
        scope.variables.set(name, given ?? value ?? '');
        return;
      }
      case 'LET':
      case 'SET':
        scope.variables.set(name, value ?? '');
        return;
      case 'ENV':
        scope.state = { ...state, env: new Map([...state.env, [name, value ?? '']]) };
        return;
      case 'WORKDIR':
        scope.state = { ...state, cwd: posix.resolve(state.cwd, expanded[0] ?? '') };
        await this.inContainer({ scope, script: 'mkdir -p "$root$1"', args: [scope.state.cwd] });
        return;
      case 'USER':
        scope.state = { ...state, user: expanded[0] ?? 'root' };
        return;
      case 'CACHE': {
        const id = flags.find((flag) => flag.name === '--id')?.value?.text ?? `${scope.target}-${expanded[0]}`;
        const kept = join(this.request.caches, id.replaceAll('/', '-'));
        mkdirSync(kept, { recursive: true });
        scope.caches.set(expanded[0] ?? '', kept);
        return;
      }
      case 'EXPOSE':
        return;
      case 'COPY':
        return this.copy({
          scope,
          sources: expanded.slice(0, -1),
          to: expanded.at(-1) ?? '',
          keepDirectories: flags.some(({ name: flag }) => flag === '--dir'),
        });
      case 'SAVE ARTIFACT': {
        const [from = '', to = './'] = expanded;
        mkdirSync(scope.artifacts, { recursive: true });
        const script = 'mkdir -p "$(dirname "$3/$2")"; cp -a "$root$1" "$3/$2"';
        return this.inContainer({ scope, script, args: [posix.resolve(state.cwd, from), to, scope.artifacts] });
      }
      case 'RUN': {
        if (flags.some((flag) => flag.name === '--push') && !this.request.push) return;
        const { code, lines } = await this.shell(command, scope);
        for (const line of lines) this.output.push({ target: scope.target, line });
        if (code !== 0)
          throw new Failure({ target: scope.target, command: words.map(({ text }) => text).join(' '), code });
        return;
      }
      default:
        throw new Error(`${command.keyword} is not carried out here`);
    }
  }

  private async condition(command: EarthCommand, scope: Scope): Promise<boolean> {
    const before = scope.state;
    const { code } = await this.shell(command, scope);
    // What a condition writes is not kept.
    scope.state = before;
    return code === 0;
  }

  /** The words as they stand, joined by single blanks, by /bin/sh. */
  private async shell(
    command: EarthCommand,
    scope: Scope,
  ): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
    const { flags, words } = argumentsOf(command);
    const secrets = flags.flatMap(({ name, value }) => (name === '--secret' && value !== null ? [value.text] : []));
    const env = new Map([...scope.state.env, ...scope.variables]);
    for (const name of secrets) {
      const value = this.request.secrets[name];
      if (value === undefined) throw new Error(`the secret ${name} is not given`);
      env.set(name, value);
    }
    return this.step({ scope, script: 'inside /bin/sh -c "$1"', args: [words.map(({ text }) => text).join(' ')], env });
  }

  private async copy(work: {
    readonly scope: Scope;
    readonly sources: readonly string[];
    readonly to: string;
    readonly keepDirectories: boolean;
  }): Promise<void> {
    const { scope, sources, to, keepDirectories } = work;
    const { context } = this.request;
    for (const source of sources) {
      const artifact = /^\+([^/]+)\/(.*)$/.exec(source);
      const built = artifact === null ? null : await this.target(artifact[1] ?? '', scope.passed);
      const from = built === null ? join(context, source) : join(built.artifacts, artifact?.[2] ?? '');
      if (!existsSync(from)) {
        throw new Failure({ target: scope.target, command: `COPY ${source}`, code: 1 });
      }
      const script = `
to=$root$2
case "$2" in */) mkdir -p "$to" ;; *) mkdir -p "$(dirname "$to")" ;; esac
if [ -d "$1" ] && [ "$3" = contents ]; then
  mkdir -p "$to"
  tar -C "$1" --owner=0 --group=0 -cf - . | tar -C "$to" --no-overwrite-dir -xpf -
else cp -a --no-preserve=ownership "$1" "$to"; fi`;
      await this.inContainer({
        scope,
        script,
        args: [
          from,
          posix.isAbsolute(to) ? to : posix.join(scope.state.cwd, to),
          keepDirectories ? 'names' : 'contents',
        ],
      });
    }
  }

  private async inContainer(work: {
    readonly scope: Scope;
    readonly script: string;
    readonly args: readonly string[];
  }): Promise<void> {
    const { code, lines } = await this.step({ ...work, env: new Map() });
    if (code !== 0) throw new Error(`${work.script}: ${lines.join('\n')}`);
  }

  private async step(work: {
    readonly scope: Scope;
    readonly script: string;
    readonly args: readonly string[];
    readonly env: ReadonlyMap<string, string>;
  }): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
    const { scope, script, args, env } = work;
    const { base, work: directory } = this.request;
    this.layers += 1;
    const upper = this.layers;
    const { stack, cwd, user } = scope.state;
    scope.state = { ...scope.state, stack: [...stack, upper] };
    const mounts = [...scope.caches].map(([at, from]) => ({ from, at }));
    return runIn({
      layers: { work: directory, base, stack },
      upper,
      script,
      args,
      env: Object.fromEntries(env),
      cwd,
      user,
      mounts,
    });
  }
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a reference passes, over what was passed to the target that it stands in. */
function passOn(passed: ReadonlyMap<string, string>, flags: readonly string[]): ReadonlyMap<string, string> {
  const own = flags.flatMap((flag) => {
    const match = /^--([^=]+)=(.*)$/s.exec(flag);
    return match === null ? [] : [[match[1] ?? '', match[2] ?? ''] as const];
  });
  return new Map([...passed, ...own]);
}
