import { posix } from 'node:path';
import { ts } from 'ts-morph';

/** The project's sources by path from its root (`src/cli/main.ts`). */
export type Sources = ReadonlyMap<string, string>;

/** A part of the project and the parts that it may import beside itself; the first row whose prefix fits a file counts. */
interface Zone {
  readonly prefix: string;
  readonly may: readonly string[];
}

const zones: readonly Zone[] = [
  { prefix: 'src/host.ts', may: [] },
  { prefix: 'src/diagnostics/', may: [] },
  { prefix: 'src/ir/', may: ['src/diagnostics/', 'src/host.ts'] },
  { prefix: 'src/target.ts', may: ['src/ir/', 'src/diagnostics/'] },
  { prefix: 'src/syntax/', may: ['src/diagnostics/', 'src/host.ts'] },
  { prefix: 'src/earthfile/', may: ['src/diagnostics/'] },
  { prefix: 'src/compile/', may: ['src/syntax/', 'src/ir/', 'src/diagnostics/', 'src/host.ts'] },
  { prefix: 'src/node-host', may: ['src/host.ts'] },
  { prefix: 'src/runner/', may: ['src/registry/', 'src/ir/', 'src/diagnostics/', 'src/host.ts'] },
  { prefix: 'src/exit.ts', may: [] },
  { prefix: 'src/registry/', may: [] },
  { prefix: 'src/graph/', may: ['src/ir/'] },
  { prefix: 'src/report/', may: ['src/diagnostics/', 'src/ir/', 'src/host.ts', 'src/runner/events.ts'] },
  {
    prefix: 'src/world/',
    may: ['src/runner/', 'src/registry/', 'src/ir/', 'src/host.ts', 'src/node-host.ts', 'src/exit.ts'],
  },
  { prefix: 'src/cli/', may: ['src/', 'targets/', 'package.json'] },
  { prefix: 'src/action/', may: ['src/', 'targets/', 'package.json'] },
  { prefix: 'targets/index.ts', may: ['targets/', 'src/target.ts'] },
  {
    prefix: 'targets/earthfile/',
    may: [
      'src/target.ts',
      'src/ir/',
      'src/diagnostics/',
      'src/earthfile/',
      'targets/shell/',
      'targets/sources-digest.ts',
    ],
  },
  {
    prefix: 'targets/github-actions/',
    may: ['src/target.ts', 'src/ir/', 'src/diagnostics/', 'targets/shell/', 'targets/sources-digest.ts'],
  },
  { prefix: 'targets/', may: ['src/target.ts', 'src/ir/', 'src/diagnostics/'] },
  { prefix: 'grammar/', may: ['src/syntax/'] },
];

/** Parts that know nothing of each other: each folder or file directly below one of these. */
const siblings = ['src/runner/drivers/', 'src/runner/stores/', 'targets/'];
/** The runner's parts that touch the world. They know the runner's contracts, and neither each other nor, from them, does the runner know them. */
const edges = [
  'src/runner/drivers/',
  'src/runner/stores/',
  'src/runner/fuse/',
  'src/runner/bases/',
  'src/runner/expose/',
  'src/runner/input/',
];
/** Contracts, formats and parts of several drivers that lie in an edge and that everybody in the runner may know. */
const contracts = [
  'src/runner/fuse/view-server.ts',
  'src/runner/stores/write-ahead.ts',
  ...['frames', 'users', 'accounts', 'exit', 'slirp'].map((name) => `src/runner/drivers/${name}.ts`),
];
const roots = ['src/cli/', 'src/action/'];
/** What both roots do alike: the parts of a run wired to this host. */
const effectful = [...roots, 'src/world/', 'src/registry/', ...edges, 'src/node-host', 'grammar/'];

const effectModules =
  /^(node:)?(fs|fs\/promises|child_process|net|tls|http|http2|https|os|worker_threads|sqlite|process|readline|dgram|cluster)$/;
const badNames = /(^|-)(utils?|helpers?|manager|base|impl)$/;

/** Every breach of the project's layering and naming, as a sentence that begins with the file's path. */
export function breaches(sources: Sources): readonly string[] {
  const found: string[] = [];
  for (const [path, text] of sources) {
    const say = (what: string) => void found.push(`${path}: ${what}`);
    nameBreaches(path, say);
    for (const imported of ts.preProcessFile(text, true, true).importedFiles) {
      importBreaches(path, imported.fileName, say);
    }
    syntaxBreaches(path, text, say);
  }
  return found;
}

type Say = (what: string) => void;

function nameBreaches(path: string, say: Say): void {
  const name = posix.basename(path).replace(/\.(test\.)?[a-z]+$/, '');
  if (badNames.test(name)) say(`"${name}" says nothing; name what is in it`);
  if (name === 'index' && path !== 'targets/index.ts') say('no barrels');
  if (zoneOf(path) === null) say('belongs to no part of the project');
}

function importBreaches(path: string, specifier: string, say: Say): void {
  const zone = zoneOf(path);
  if (!specifier.startsWith('.')) {
    if (effectModules.test(specifier) && !isUnder(path, effectful))
      say(`${specifier} touches the world, which only the edges may`);
    return;
  }
  const target = posix.join(posix.dirname(path), specifier);
  if (!/\.(ts|js|json)$/.test(specifier)) say(`${specifier} has no extension`);
  if (!zone) return;
  if (
    roots.some((root) => target.startsWith(root)) &&
    !isUnder(
      path,
      [zone.prefix].filter((one) => target.startsWith(one)),
    )
  ) {
    return say(`may not import ${target}: nothing imports a composition root`);
  }
  if (!isUnder(target, [zone.prefix, ...zone.may])) return say(`may not import ${target}`);
  if (contracts.includes(target)) return;
  const [from, to] = [edgeOf(path), edgeOf(target)];
  if (zone.prefix === 'src/runner/' && from !== to && to !== null)
    return say(`may not import ${target}: ${to} is behind a contract`);
  const [one, other] = [siblingOf(path), siblingOf(target)];
  const shared = ['targets/shell', 'targets/sources-digest'].includes(other ?? '');
  if (one !== null && other !== null && one !== other && !shared && path !== 'targets/index.ts')
    say(`may not import its sibling ${target}`);
}

function syntaxBreaches(path: string, text: string, say: Say): void {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isExportAssignment(node) || hasModifier(node, ts.SyntaxKind.DefaultKeyword)) say('no default exports');
    if (ts.isExportDeclaration(node) && node.moduleSpecifier && !node.exportClause) say('no barrels');
    if (!isUnder(path, effectful)) {
      const effect = effectOf(node);
      if (effect !== null) say(`${effect} touches the world, which only the edges may`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
}

const worldly = new Set(['process', 'console', 'performance', 'fetch']);

/** The name of the global that a node reads the world through; null where it does not. */
function effectOf(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node) && node.expression.getText() === 'Date' && node.name.text === 'now')
    return 'Date.now';
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'new Date()';
  if (!ts.isIdentifier(node) || !worldly.has(node.text)) return null;
  const { parent } = node;
  const isUsed =
    (ts.isPropertyAccessExpression(parent) && parent.expression === node) ||
    (ts.isElementAccessExpression(parent) && parent.expression === node) ||
    (ts.isCallExpression(parent) && parent.expression === node);
  return isUsed && !isDeclared(node) ? node.text : null;
}

/** Whether the file itself has something of that name (a parameter called `process`, say). */
function isDeclared(name: ts.Identifier): boolean {
  let declared = false;
  const visit = (node: ts.Node): void => {
    if (
      (ts.isParameter(node) ||
        ts.isVariableDeclaration(node) ||
        ts.isBindingElement(node) ||
        ts.isImportSpecifier(node)) &&
      node.name.getText() === name.text
    ) {
      declared = true;
    }
    if (!declared) ts.forEachChild(node, visit);
  };
  visit(name.getSourceFile());
  return declared;
}

function hasModifier(node: ts.Node, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind);
}

function zoneOf(path: string): Zone | null {
  return zones.find((zone) => path.startsWith(zone.prefix)) ?? null;
}

function edgeOf(path: string): string | null {
  return edges.find((edge) => path.startsWith(edge)) ?? null;
}

function siblingOf(path: string): string | null {
  const parent = siblings.find((one) => path.startsWith(one));
  if (parent === undefined) return null;
  const [name = ''] = path.slice(parent.length).split('/');
  return parent + name.replace(/\.ts$/, '');
}

function isUnder(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path.startsWith(prefix));
}
