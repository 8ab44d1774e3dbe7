import type { Layer, LayerId, Plan } from '../../src/ir/ir.ts';
import { machinePackages } from '../../src/ir/machine-packages.ts';
import { copiesOf, runnersOf } from '../../src/ir/runners.ts';
import { chainOf, walk } from '../../src/ir/walk.ts';
import type { EarthfileDocument, Item, Recipe } from './document.ts';
import { imageOf, machineBase } from './image.ts';
import { layerNames, TargetNames } from './names.ts';
import { cutLayer, type Part } from './parts.ts';
import { beside, inMachine } from './places.ts';
import { isArgument, recipeOf } from './recipe.ts';
import { Scripts } from './scripts.ts';

/** A Layerfile's targets, by name. */
interface NamedLayer {
  readonly layer: Layer;
  readonly parts: readonly { readonly part: Part; readonly name: string }[];
  /** The target that children start from. */
  readonly last: string;
  /** The target that stands for all its copies up to a BUTTON. */
  readonly whole: string;
  /** The target that stands for all its copies behind the last BUTTON; null where it has no copies, or no BUTTON. */
  readonly pressed: string | null;
}

/** What `emit` makes: the document, and the scripts beside it. */
export interface Emitted {
  readonly document: EarthfileDocument;
  readonly scripts: Scripts;
  /** The ARGs that BUILD ENV names anywhere, and all secrets: what the caller has to give. */
  readonly arguments: readonly string[];
  readonly secrets: readonly string[];
  readonly docker: boolean;
}

/** The Earthfile of a plan. Throws where `check` or the support table has refused it. */
export function emitDocument(plan: Plan, head: readonly string[]): Emitted {
  const scripts = new Scripts();
  const named = nameParts(plan);
  const recipes: Recipe[] = [...named.values()].flatMap((one) => recipesOf({ plan, one, named, scripts }));
  const own = [...named.values()].filter(({ layer }) => layer.own);
  recipes.push({ name: 'all', comment: 'Every Layerfile.', body: own.map(({ whole }) => `BUILD +${whole}`) });
  const steps = plan.layers.flatMap((layer) => layer.steps);
  const docker = recipes.some(({ body }) => holdsDocker(body));
  const aws = steps.some((step) => step.kind === 'awsLink');
  const unique = (names: readonly string[]) => [...new Set(names)].sort();
  return {
    document: {
      head,
      features: [...(docker ? ['docker-cache'] : []), ...(aws ? ['run-with-aws'] : [])],
      recipes,
    },
    scripts,
    arguments: unique(
      steps.flatMap((step) => (step.kind === 'buildEnv' ? step.names.map(({ name }) => name) : [])).filter(isArgument),
    ),
    secrets: unique(steps.flatMap((step) => (step.kind === 'secretEnv' ? step.names.map(({ name }) => name) : []))),
    docker,
  };
}

function holdsDocker(items: readonly Item[]): boolean {
  return items.some(
    (item) => typeof item !== 'string' && (item.open.startsWith('WITH DOCKER') || holdsDocker(item.body)),
  );
}

function nameParts(plan: Plan): ReadonlyMap<LayerId, NamedLayer> {
  const names = new TargetNames();
  const own = layerNames(plan, names);
  const named = new Map<LayerId, NamedLayer>();
  for (const layer of plan.layers) {
    const name = own.get(layer.id) ?? layer.id;
    const cut = cutLayer(layer);
    const suffix = (index: number): string => {
      const upTo = cut.slice(0, index + 1);
      const button = upTo.some(({ from }) => from === 'button');
      return button ? '-after-button' : upTo.some(({ from }) => from === 'split') ? '-split' : '';
    };
    // The last part of a stretch has its name; those that end at a CHECKPOINT are named after that.
    const parts = cut.map((part, index) => {
      if (part.checkpoint !== null) return { part, name: names.free(`${name}-${part.checkpoint}`) };
      return { part, name: suffix(index) === '' ? name : names.free(`${name}${suffix(index)}`) };
    });
    const last = parts.filter(({ part }) => !part.pushed).at(-1)?.name ?? name;
    const copied = copiesOf(plan, layer.id) !== null;
    const whole = copied ? names.free(`${name}-all`) : last;
    const pressed = copied && parts.some(({ part }) => part.pushed) ? names.free(`${name}-after-button-all`) : null;
    named.set(layer.id, { layer, parts, last, whole, pressed });
  }
  return named;
}

interface LayerWork {
  readonly plan: Plan;
  readonly one: NamedLayer;
  readonly named: ReadonlyMap<LayerId, NamedLayer>;
  readonly scripts: Scripts;
}

function recipesOf({ plan, one, named, scripts }: LayerWork): readonly Recipe[] {
  const { layer, parts } = one;
  const copies = copiesOf(plan, layer.id);
  const unordered = chainOf(plan, layer.id).some(({ steps }) =>
    steps.some((step) => step.kind === 'split' && step.unordered),
  );
  const copy = unordered ? 'LAYER_COPY' : 'SPLIT';
  const walked = walk(plan, layer.id);
  const wholes = new Map([...named].map(([id, { whole }]) => [id, whole]));
  const parentCopies = layer.base.kind === 'layer' ? copiesOf(plan, layer.base.id) : null;
  let skipped = false;
  const recipes = parts.map(({ part, name }, index): Recipe => {
    const before = parts[index - 1];
    const splitAt = parts.findIndex((other) => other.part.from === 'split');
    const split = parentCopies !== null || (splitAt >= 0 && splitAt <= index);
    const parentSplit = parentCopies !== null || (splitAt >= 0 && splitAt < index);
    const pass = parentSplit ? ` --${copy}=$${copy}` : '';
    const head: Item[] = split ? [`ARG --required ${copy}`] : [];
    if (before !== undefined) head.push(`FROM +${before.name}${pass}`);
    else if (layer.base.kind === 'layer') head.push(`FROM +${named.get(layer.base.id)?.last ?? ''}${pass}`);
    else head.push(...machine(plan, layer));
    const runners = runnersOf(plan)
      .filter((runner) => runner.layer === layer.id)
      .map(({ id }) => id);
    if (index === 0) head.push(`ENV RUNNER_ID="${layer.id}"`);
    if (split && (index === 0 || !parentSplit)) head.push(`ENV LAYER_RUNNERS="${runners.join(' ')}"`);
    const body = recipeOf({
      plan,
      layer,
      part,
      target: name,
      walked,
      scripts,
      wholes,
      users: hasUsers(plan, layer),
      more: index < parts.length - 1,
      skippedAbove: skipped,
    });
    skipped ||= part.steps.some(({ step }) => step.kind === 'skipIf');
    return { name, comment: commentOf(layer, part), body: [...head, ...body] };
  });
  if (copies === null) return recipes;
  const all = (target: string): readonly string[] =>
    Array.from({ length: copies }, (_none, number) => `BUILD +${target} --${copy}=${number}`);
  const last = parts.at(-1);
  const pressed = last !== undefined && one.pressed !== null ? [{ name: one.pressed, target: last.name }] : [];
  return [
    ...recipes,
    { name: one.whole, comment: `/${layer.path}, all copies`, body: all(one.last) },
    ...pressed.map(({ name, target }) => ({
      name,
      comment: `/${layer.path}, all copies after the BUTTON: runs only with --push`,
      body: all(target),
    })),
  ];
}

function commentOf(layer: Layer, part: Part): string {
  const end = part.checkpoint === null ? '' : `, up to CHECKPOINT ${part.checkpoint}`;
  switch (part.from) {
    case 'start':
      return `/${layer.path}${end}`;
    case 'split':
      return `/${layer.path}, each copy${end}`;
    case 'checkpoint':
      return `/${layer.path}, from the CHECKPOINT on${end}`;
    case 'button':
      return `/${layer.path}, after the BUTTON: runs only with --push`;
  }
}

/** FROM, and what makes a machine of an image. */
function machine(plan: Plan, layer: Layer): readonly Item[] {
  const base = machineBase(plan, layer);
  const image = imageOf(base);
  if (image === null) throw new Error(`no image for the base of ${layer.path}`);
  return [
    `FROM ${image}`,
    ...(base.source.kind === 'oci' ? ['USER root'] : []),
    `COPY ${beside}/sh ${beside}/layer-sh ${inMachine.root}/`,
    `RUN /bin/bash ${inMachine.call} prepare ${machinePackages.join(' ')}`,
  ];
}

/** Whether a USER other than root is in force anywhere in a layer's chain, or below it. */
function hasUsers(plan: Plan, layer: Layer): boolean {
  const related = plan.layers.filter(
    ({ id }) => chainOf(plan, id).includes(layer) || chainOf(plan, layer.id).some((one) => one.id === id),
  );
  return related.some(({ steps }) => steps.some((step) => step.kind === 'user'));
}
