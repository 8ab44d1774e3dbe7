import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { RepoPath, RepoReader } from '../host.ts';
import type { RepositorySource } from '../ir/ir.ts';
import { directoryOf, resolveSource } from '../ir/sources.ts';
import type { FromAst, InstructionAst, WaitAst } from '../syntax/ast.ts';
import { parse } from '../syntax/parse.ts';
import type { Config } from './config.ts';
import { layerfileAt, readText } from './discover.ts';
import { type FromContext, resolveFrom } from './from.ts';
import { boundedSuggestions } from './near-layerfile.ts';
import { type Layerfile, type LinkedLayerfile, type LinkedWait, locate, type Parent } from './layerfile.ts';

/** What linking takes. */
export interface Linking {
  readonly repo: RepoReader;
  readonly config: Config;
  /** The repository's own Layerfiles, sorted. */
  readonly own: readonly RepoPath[];
  readonly unfetched: FromContext['unfetched'];
  readonly report: (found: Diagnostic) => void;
}

/**
 * Reads the repository's Layerfiles and all that they start from or wait for, each once, and finds out what their FROM and WAIT mean.
 * The order is the one of `own`, then what was reached, as it was reached.
 */
export function link(linking: Linking): ReadonlyMap<RepoPath, LinkedLayerfile> {
  const linked = new Map<RepoPath, LinkedLayerfile>();
  const seen = new Set<RepoPath>();
  const queue: Place[] = [];
  const suggest = boundedSuggestions();
  const enqueue = (place: Place): void => {
    if (seen.has(place.location)) return;
    seen.add(place.location);
    queue.push(place);
  };
  for (const location of linking.own) enqueue({ location, path: location, repository: { kind: 'own' }, own: true });
  for (let at = 0; at < queue.length; at += 1) {
    const place = queue[at];
    const layerfile = place === undefined ? null : load(linking, place);
    if (layerfile === null) continue;
    linked.set(layerfile.location, linkOne({ linking, layerfile, suggest, enqueue }));
  }
  return linked;
}

/** Where a Layerfile is to be read. */
interface Place {
  readonly location: RepoPath;
  readonly path: RepoPath;
  readonly repository: RepositorySource;
  readonly own: boolean;
}

function load({ repo, report }: Linking, place: Place): Layerfile | null {
  const source = readText(repo, place.location, report);
  if (source === null) return null;
  const { ast, diagnostics } = parse(source);
  for (const one of diagnostics) report(one);
  const instructions = ast.lines.filter(
    (line): line is InstructionAst => line.kind !== 'blank' && line.kind !== 'comment' && line.kind !== 'invalid',
  );
  const unclosed = diagnostics
    .filter(({ code }) => code.startsWith('syntax/unclosed-'))
    .map(({ span }) => span?.start ?? -1);
  const garbled = new Set(
    unclosed.length === 0
      ? []
      : instructions.filter(({ span }) => unclosed.some((start) => start >= span.start && start <= span.end)),
  );
  return { ...place, source, ast, instructions, garbled };
}

function linkOne(work: {
  readonly linking: Linking;
  readonly layerfile: Layerfile;
  readonly suggest: FromContext['suggest'];
  readonly enqueue: (place: Place) => void;
}): LinkedLayerfile {
  const { linking, layerfile, suggest, enqueue } = work;
  const context = { ...linking, suggest, own: layerfile.repository.kind === 'own' ? linking.own : [] };
  const from = checkFrom(linking, layerfile);
  let parent: Parent = { kind: 'unknown', span: placeOfFrom(layerfile) };
  if (from !== null) {
    const resolved = resolveFrom(context, layerfile, from);
    if (resolved.kind === 'layerfile') {
      enqueue({ location: resolved.location, path: resolved.path, repository: resolved.repository, own: false });
    }
    parent = resolved;
  }
  const waits = new Map<WaitAst, readonly LinkedWait[]>();
  for (const instruction of layerfile.instructions) {
    if (instruction.kind !== 'wait') continue;
    const targets = instruction.layerfiles.flatMap((word): readonly LinkedWait[] => {
      if (word.value === '') return [];
      const location = resolveWait(context, layerfile, { text: word.value, span: word.span });
      if (location === null) return [];
      const { repository } = layerfile;
      const path = (repository.kind === 'own' ? location : location.slice(repository.root.length + 1)) as RepoPath;
      enqueue({ location, path, repository, own: false });
      return [{ location, span: word.span }];
    });
    waits.set(instruction, targets);
  }
  return { layerfile, parent, waits };
}

/** Exactly one FROM, and first: gives the one that counts. */
function checkFrom({ report }: Linking, { instructions, source }: Layerfile): FromAst | null {
  const froms = instructions.filter((one): one is FromAst => one.kind === 'from');
  const [first, ...others] = froms;
  const [top] = instructions;
  if (top === undefined) {
    report(diagnostic('from/empty-file', startOf(source), {}));
    return null;
  }
  if (first === undefined) {
    report(diagnostic('from/missing', top.keyword, {}));
    return null;
  }
  if (first !== top) {
    report(
      diagnostic('from/not-first', first.keyword, {}, [
        { message: 'the first instruction is here', span: top.keyword },
      ]),
    );
  }
  for (const other of others) {
    report(diagnostic('from/second', other.keyword, {}, [{ message: 'the first FROM is here', span: first.keyword }]));
  }
  return first;
}

function resolveWait(
  { repo, own, suggest, report }: FromContext,
  { path, repository }: Layerfile,
  word: { readonly text: string; readonly span: Span },
): RepoPath | null {
  const from = directoryOf(path);
  const resolved = resolveSource(from, word.text);
  if (resolved === 'outside') {
    report(diagnostic('graph/wait-outside', word.span, { source: word.text }));
    return null;
  }
  const location = layerfileAt(repo, locate(repository, resolved.path));
  if (location !== null) return location;
  const missing = /(^|\/)Layerfile$/.test(word.text) ? word.text : `${word.text.replace(/\/+$/, '')}/Layerfile`;
  const near = suggest({ own, repo, from, source: word.text });
  report(diagnostic('graph/wait-missing', word.span, { path: missing, near }));
  return null;
}

/** Where a layer without a usable FROM is said to begin. */
function placeOfFrom({ instructions, source }: Layerfile): Span {
  return instructions[0]?.keyword ?? startOf(source);
}

function startOf(file: SourceFile): Span {
  return { file, start: 0, end: 0 };
}
