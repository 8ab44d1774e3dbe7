import { positionAt } from '../../src/diagnostics/source.ts';
import { staticText } from '../../src/ir/expand.ts';
import type { Layer, LayerId, Plan, Step } from '../../src/ir/ir.ts';
import { predefinedVariable } from '../../src/ir/variables.ts';
import type { Scope, WalkedStep } from '../../src/ir/walk.ts';
import { cacheLine, cachePathsIn } from './cache.ts';
import { callOf, holdsCall } from './calls.ts';
import { planCopy } from './copy.ts';
import type { Item } from './document.ts';
import { imageEnv } from './env.ts';
import { ifFlags, type RunFlags, runFlags } from './flags.ts';
import { fusedScript } from './fused.ts';
import { keepsText } from './one-line.ts';
import type { Part } from './parts.ts';
import { inMachine } from './places.ts';
import type { Scripts } from './scripts.ts';
import { callsDocker } from './support.ts';

/** What the recipe of a part needs to know. */
export interface RecipeContext {
  readonly plan: Plan;
  readonly layer: Layer;
  readonly part: Part;
  readonly target: string;
  /** All steps of the layer's chain with what is in force at each. */
  readonly walked: readonly WalkedStep[];
  readonly scripts: Scripts;
  /** The targets that stand for a whole Layerfile. */
  readonly wholes: ReadonlyMap<LayerId, string>;
  /** Whether a user beside root is in sight of the layer. */
  readonly users: boolean;
  /** Whether parts of the same Layerfile follow. */
  readonly more: boolean;
  /** Whether a SKIP REMAINING IF stands in a part of the same Layerfile above. */
  readonly skippedAbove: boolean;
}

/** The commands of a part, below its FROM. */
export function recipeOf(context: RecipeContext): readonly Item[] {
  const writer = new RecipeWriter(context);
  return writer.write();
}

class RecipeWriter {
  private readonly context: RecipeContext;
  /** The list that items are added to: the recipe, or the block of what a SKIP REMAINING IF gates. */
  private items: Item[] = [];
  private readonly evaluated = new Set<string>();
  private readonly inImage = new Set<string>();
  private readonly secrets: string[];
  private cached: boolean;
  private aws: boolean;
  private skips = 0;

  constructor(context: RecipeContext) {
    this.context = context;
    const above = context.walked.slice(0, this.placeOf(context.part.steps[0]?.index ?? 0));
    this.secrets = [
      ...new Set(above.flatMap(({ step }) => (step.kind === 'secretEnv' ? step.names.map(({ name }) => name) : []))),
    ];
    const secretNames = new Set(this.secrets);
    this.cached = !above.some(
      ({ step }) => step.kind === 'buildEnv' && step.names.some(({ name }) => secretNames.has(name)),
    );
    this.aws = above.some(({ step }) => step.kind === 'awsLink');
    for (const { step } of above) if (step.kind === 'env') this.noteEnv(step);
  }

  write(): readonly Item[] {
    const { part, skippedAbove, layer } = this.context;
    const recipe = this.items;
    for (const line of this.inherited()) this.items.push(line);
    if (skippedAbove) this.gate(`[ ! -e ${inMachine.skipped}-${layer.id} ]`);
    const background = part.steps.findIndex(({ step }) => step.kind === 'run' && step.mode === 'background');
    const single = background < 0 ? part.steps : part.steps.slice(0, background);
    for (const { step, index } of single) this.step(step, this.scopeAt(index));
    if (background >= 0) this.fused(part.steps.slice(background));
    return recipe.filter((item) => typeof item === 'string' || item.body.length > 0 || !item.open.startsWith('IF ['));
  }

  /** What FROM does not hand on: ARGs and caches. */
  private inherited(): readonly string[] {
    const { part, walked } = this.context;
    const first = part.steps[0]?.index ?? 0;
    const above = walked.slice(0, this.placeOf(first));
    const names = above.flatMap(({ step }) => (step.kind === 'buildEnv' ? step.names.map(({ name }) => name) : []));
    const paths = above.flatMap(({ step, scope }) => (step.kind === 'cache' ? (cachePathsIn(scope, step) ?? []) : []));
    return [
      ...[...new Set(names)].filter(isArgument).map((name) => `ARG ${name}`),
      ...[...new Set(paths)].map(cacheLine),
    ];
  }

  private placeOf(index: number): number {
    const { walked, layer } = this.context;
    const place = walked.findIndex((one) => one.layer === layer && one.index >= index);
    return place < 0 ? walked.length : place;
  }

  private scopeAt(index: number): Scope {
    const found = this.context.walked.find((one) => one.layer === this.context.layer && one.index === index);
    if (found === undefined) throw new Error(`no step ${index} in ${this.context.layer.path}`);
    return found.scope;
  }

  private note(step: Step): void {
    const { line } = positionAt(step.span.file, step.span.start);
    this.items.push(`# ${this.context.layer.path}:${line} ${step.title.replace(/[\r\n]+/g, ' ')}`);
  }

  /** Everything below stands in a block that runs only where the condition holds. */
  private gate(condition: string): void {
    const body: Item[] = [];
    this.items.push({ open: `IF ${condition}`, body });
    this.items = body;
  }

  private flags(): RunFlags {
    const { part } = this.context;
    return { secrets: this.secrets, push: part.pushed, cached: this.cached, aws: this.aws };
  }

  /** A RUN of what `/layer/sh` is called with: on one line where the text survives it, else by a script. */
  private run(call: string, flags: RunFlags = this.flags()): void {
    const command = `${inMachine.call} ${call}`;
    if (keepsText(command)) this.items.push(['RUN', ...runFlags(flags), command].join(' '));
    else {
      const { copy, path } = this.context.scripts.add(this.context.target, `${command}\n`);
      this.items.push(copy, ['RUN', ...runFlags(flags), `/bin/sh ${path}`].join(' '));
    }
  }

  private docker(write: () => void): void {
    const outer = this.items;
    this.items = [];
    write();
    const lines = this.items;
    this.items = outer;
    const last = lines.pop();
    if (last === undefined) return;
    this.items.push(...lines, { open: `WITH DOCKER --cache-id=layer-${this.context.target}`, body: [last] });
  }

  private step(step: Step, scope: Scope): void {
    this.note(step);
    switch (step.kind) {
      case 'run':
        if (callsDocker(step)) this.docker(() => this.run(callOf(step) ?? ''));
        else this.run(callOf(step) ?? '');
        return;
      case 'env':
        return this.env(step);
      case 'copy': {
        const { lines, call } = planCopy(step, {
          scope,
          repository: this.context.layer.repository,
          users: this.context.users,
        });
        this.items.push(...lines);
        if (call !== null) this.run(call);
        return;
      }
      case 'clone':
        this.cached = false;
        return this.run(callOf(step) ?? '');
      case 'workdir':
      case 'user':
      case 'setupFile':
        this.run(callOf(step) ?? '');
        if (step.kind === 'workdir') this.imageDirectory(step, scope);
        return;
      case 'awsLink':
        this.items.push(`ENV AWS_REGION="${step.region}"`, `ENV AWS_DEFAULT_REGION="${step.region}"`);
        this.run('aws');
        this.aws = true;
        return;
      case 'buildEnv':
        if (step.names.some(({ name }) => this.secrets.includes(name))) this.cached = false;
        this.items.push(...step.names.filter(({ name }) => isArgument(name)).map(({ name }) => `ARG ${name}`));
        return;
      case 'secretEnv':
        this.secrets.push(...step.names.map(({ name }) => name).filter((name) => !this.secrets.includes(name)));
        this.items.push(`ENV LAYER_SECRETS="${this.secrets.join(' ')}"`);
        return;
      case 'cache':
        this.items.push(...(cachePathsIn(scope, step) ?? []).map(cacheLine));
        return;
      case 'wait':
        return this.wait(step);
      case 'skipIf':
        return this.skipIf(step);
      case 'split':
        this.items.push(`ENV SPLIT_NUM="${step.count}"`);
        return;
      case 'checkpoint':
      case 'button':
        return;
      case 'expose':
        throw new Error('EXPOSE without RUN BACKGROUND is refused');
    }
  }

  private imageDirectory(step: Step & { readonly kind: 'workdir' }, scope: Scope): void {
    const text = staticText(step.directory);
    if (text === null || scope.cwd === null || text.startsWith('~') || !/^[A-Za-z0-9_./-]+$/.test(text)) return;
    const absolute = text.startsWith('/') ? text : `${scope.cwd === '/' ? '' : scope.cwd}/${text}`;
    if (!/(^|\/)\.{1,2}(\/|$)/.test(absolute)) this.items.push(`WORKDIR ${absolute}`);
  }

  private noteEnv(step: Step & { readonly kind: 'env' }): readonly string[] | null {
    const lines = imageEnv(step, this.evaluated);
    for (const { name } of step.pairs) {
      if (lines === null) {
        this.evaluated.add(name);
        this.inImage.delete(name);
      } else this.inImage.add(name);
    }
    return lines;
  }

  private env(step: Step & { readonly kind: 'env' }): void {
    const before = [...this.inImage].join(' ');
    const lines = this.noteEnv(step);
    if (lines !== null) this.items.push(...lines);
    const after = [...this.inImage].join(' ');
    if (after !== before) this.items.push(`ENV LAYER_NAMES="${after}"`);
    if (lines === null) this.run(callOf(step) ?? '');
  }

  private wait(step: Step & { readonly kind: 'wait' }): void {
    const targets = step.layers.flatMap(({ id }) => this.context.wholes.get(id) ?? []);
    this.items.push({ open: 'WAIT', body: targets.map((name) => `BUILD +${name}`) });
  }

  private skipIf(step: Step & { readonly kind: 'skipIf' }): void {
    this.skips += 1;
    const name = this.skips === 1 ? 'skip' : `skip_${this.skips}`;
    const command = `${inMachine.call} ${holdsCall(step)}`;
    const words = ['IF', ...ifFlags(this.flags())];
    if (keepsText(command)) words.push(command);
    else {
      const { copy, path } = this.context.scripts.add(this.context.target, `${command}\n`);
      this.items.push(copy);
      words.push(`/bin/sh ${path}`);
    }
    const mark = this.context.more ? [`RUN touch ${inMachine.skipped}-${this.context.layer.id}`] : [];
    this.items.push(`LET ${name}="0"`, { open: words.join(' '), body: [`SET ${name}="1"`, ...mark] });
    this.gate(`[ "$${name}" = "0" ]`);
  }

  /** The steps from a RUN BACKGROUND on: what belongs to Earthly first, then one RUN for all the rest. */
  private fused(steps: Part['steps']): void {
    const { layer, target, scripts } = this.context;
    const title = `${layer.path}: from RUN BACKGROUND on`;
    const copies = new Map<Step, string>();
    const ports = new Set<string>();
    for (const { step, index } of steps) {
      const scope = this.scopeAt(index);
      if (step.kind === 'copy') {
        const { lines, call } = planCopy(step, { scope, repository: layer.repository, users: true });
        this.items.push(...lines);
        copies.set(step, call ?? '');
      } else if (step.kind === 'expose') {
        const port = staticText(step.protocol === 'tcp' ? step.inside : step.port);
        if (port !== null) ports.add(port);
      } else if (step.kind === 'cache' || step.kind === 'buildEnv' || step.kind === 'wait') this.step(step, scope);
      else if (step.kind === 'clone') this.cached = false;
      else if (step.kind === 'awsLink') {
        this.items.push(`ENV AWS_REGION="${step.region}"`, `ENV AWS_DEFAULT_REGION="${step.region}"`);
        this.aws = true;
      } else if (step.kind === 'secretEnv') {
        this.secrets.push(...step.names.map(({ name }) => name).filter((name) => !this.secrets.includes(name)));
      }
    }
    const content = fusedScript({
      title,
      steps: steps.map(({ step }) => step),
      copyCall: (step) => copies.get(step) ?? '',
    });
    const { copy, path } = scripts.add(target, content);
    const [first] = steps;
    if (first !== undefined) this.note(first.step);
    const write = (): void => {
      this.items.push(copy, ['RUN', ...runFlags(this.flags()), `/bin/bash ${path}`].join(' '));
    };
    if (steps.some(({ step }) => callsDocker(step))) this.docker(write);
    else write();
    if (ports.size > 0) this.items.push(`EXPOSE ${[...ports].join(' ')}`);
  }
}

/** Whether BUILD ENV names what only the caller of Earthly knows; what ENV set counts for the cache anyway. */
export function isArgument(name: string): boolean {
  const known = predefinedVariable(name);
  return known !== null && known.set !== 'secret' && known.varies;
}
