import { diagnostic, type Diagnostic, type Note } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/near.ts';
import type { Span } from '../diagnostics/source.ts';
import type { RepoPath, RepoReader } from '../host.ts';
import type { MachineName, RepositorySource } from '../ir/ir.ts';
import { directoryOf, joinPath, resolveSource } from '../ir/sources.ts';
import type { FromAst } from '../syntax/ast.ts';
import { type Config, isLibraryName } from './config.ts';
import { isFile, layerfileAt } from './discover.ts';
import { type Layerfile, locate, type Parent } from './layerfile.ts';
import type { MissingLayerfile } from './near-layerfile.ts';

/** The base machines that everyone has. */
export const knownMachines: readonly MachineName[] = [
  'vm/ubuntu:18.04',
  'vm/ubuntu:20.04',
  'vm/ubuntu:22.04',
  'vm/ubuntu:24.04',
  'vm/debian:12',
  'vm/debian:13',
];

/** What the resolution of FROM looks at. */
export interface FromContext {
  readonly repo: RepoReader;
  readonly config: Config;
  readonly suggest: (asked: MissingLayerfile) => string | null;
  /** Is told of each Layerfile of another repository that is not in .layer/vendor. */
  readonly unfetched: (source: GithubSource) => void;
  /** The repository's own Layerfiles, for suggestions. */
  readonly own: readonly RepoPath[];
  readonly report: (found: Diagnostic) => void;
}

/** A Layerfile of another repository, as FROM names it. */
export interface GithubSource {
  readonly owner: string;
  readonly name: string;
  readonly path: RepoPath;
  /** 7 to 40 hexadecimal digits. */
  readonly commit: string;
}

/** A parent, and how to read it where it is a Layerfile. */
export type ResolvedParent =
  | Exclude<Parent, { readonly kind: 'layerfile' }>
  | (Extract<Parent, { readonly kind: 'layerfile' }> & {
      readonly path: RepoPath;
      readonly repository: RepositorySource;
    });

/** What a FROM means; its forms are tried in the order that the language gives. */
export function resolveFrom(context: FromContext, layerfile: Layerfile, ast: FromAst): ResolvedParent {
  const text = ast.source;
  const unknown: ResolvedParent = { kind: 'unknown', span: text?.span ?? ast.keyword };
  if (text === null) {
    context.report(diagnostic('language/missing-argument', ast.keyword, { keyword: 'FROM', form: 'FROM source' }));
    return unknown;
  }
  const { word, span } = firstWord(text.value, text.span);
  if (word.length < text.value.length) {
    const rest = span.end > text.span.end ? text.span : { ...text.span, start: Math.min(span.end, text.span.end) };
    context.report(diagnostic('from/one-source', trimmed(rest), { source: unquoted(word) }));
  }
  const asked: Asked = { context, layerfile, source: unquoted(word), span };
  const { source } = asked;
  if (source.startsWith('vm/')) return machine(asked, source as MachineName);
  if (source.startsWith('github/')) return github(asked);
  if (/^[/.]/.test(source) || source === 'Layerfile' || source.endsWith('/Layerfile')) return path(asked);
  if (isLibraryName(source)) return library(asked);
  const bare = `vm/${source}` as MachineName;
  if (context.config.bases.has(bare) || knownMachines.includes(bare)) {
    context.report(diagnostic('lint/bare-base', span, { source }));
    return machine(asked, bare);
  }
  const near = nearSource(asked);
  const image = /^[\w./-]+:[\w.-]+$/.test(source) && near === null ? [imageNote(source)] : [];
  context.report(diagnostic('from/unknown', span, { source, near }, image));
  return { kind: 'unknown', span };
}

interface Asked {
  readonly context: FromContext;
  readonly layerfile: Layerfile;
  readonly source: string;
  readonly span: Span;
}

function machine({ context, span }: Asked, name: MachineName): ResolvedParent {
  const configured = context.config.bases.get(name);
  if (configured !== undefined) return { kind: 'machine', name, source: configured, span };
  if (knownMachines.includes(name)) return { kind: 'machine', name, source: { kind: 'known' }, span };
  const near = nearMachine(context, name);
  const example = JSON.stringify({ bases: { [name]: { oci: `docker.io/library/${name.slice('vm/'.length)}` } } });
  context.report(
    diagnostic('from/unresolved', span, { source: name, what: 'is no base machine that is known here', near }, [
      { message: `known are ${machineNames(context).join(', ')}`, span: null },
      { message: `to add it, put an entry like this into .layer/config.json: ${example}`, span: null },
    ]),
  );
  return { kind: 'unknown', span };
}

function github(asked: Asked): ResolvedParent {
  const { context, source, span } = asked;
  const unknown: ResolvedParent = { kind: 'unknown', span };
  const at = source.indexOf('@');
  const [, owner, name, ...names] = (at < 0 ? source : source.slice(0, at)).split('/');
  const commit = at < 0 ? '' : source.slice(at + 1).toLowerCase();
  const wants = githubProblem({ owner, name, names, commit, at });
  if (wants !== null) {
    context.report(diagnostic('from/github-form', span, { source, wants }));
    return unknown;
  }
  const vendor = `.layer/vendor/${owner}/${name}` as RepoPath;
  const fetched = (context.repo.list(vendor) ?? [])
    .filter((entry) => entry.kind === 'directory' && entry.name.startsWith(commit))
    .map((entry) => entry.name);
  const [full, ...others] = fetched;
  if (full === undefined) {
    context.unfetched({ owner: owner ?? '', name: name ?? '', path: names.join('/') as RepoPath, commit });
    context.report(
      diagnostic('from/unresolved', span, { source, what: 'has not been fetched', near: null }, [
        {
          message: `\`layer run\` fetches it into ${vendor}/<commit>; run it once where the network is, then check again`,
          span: null,
        },
      ]),
    );
    return unknown;
  }
  if (others.length > 0) {
    context.report(diagnostic('from/ambiguous-commit', span, { commit, count: fetched.length }));
    return unknown;
  }
  const root = joinPath(vendor, full);
  const repository: RepositorySource = { kind: 'vendored', owner: owner ?? '', name: name ?? '', commit: full, root };
  const inside = names.join('/') as RepoPath;
  const location = locate(repository, inside);
  if (!isFile(context.repo, location)) {
    context.report(diagnostic('from/no-such-layerfile', span, { path: location, near: null }));
    return unknown;
  }
  return { kind: 'layerfile', location, path: inside, repository, span };
}

function githubProblem(parts: {
  readonly owner: string | undefined;
  readonly name: string | undefined;
  readonly names: readonly string[];
  readonly commit: string;
  readonly at: number;
}): string | null {
  const plain = (name: string | undefined): boolean =>
    name !== undefined && /^[\w.-]+$/.test(name) && !/^\.+$/.test(name);
  if (!plain(parts.owner) || !plain(parts.name)) return 'names no repository';
  if (parts.names.at(-1) !== 'Layerfile') return 'does not end in Layerfile before the @';
  if (parts.names.some((name) => name === '' || name === '.' || name === '..')) return 'has an odd path';
  if (parts.at < 0 || parts.commit === '') return 'names no commit';
  if (!/^[0-9a-f]{7,40}$/.test(parts.commit))
    return `has @${parts.commit}, which is not a commit of 7 to 40 hexadecimal digits`;
  return null;
}

function path({ context, layerfile, source, span }: Asked): ResolvedParent {
  const from = directoryOf(layerfile.path);
  const resolved = resolveSource(from, source);
  if (resolved === 'outside') {
    context.report(diagnostic('from/outside', span, { source }));
    return { kind: 'unknown', span };
  }
  const location = layerfileAt(context.repo, locate(layerfile.repository, resolved.path));
  if (location === null) {
    const missing = source.endsWith('Layerfile') ? source : `${source.replace(/\/+$/, '')}/Layerfile`;
    const near = context.suggest({ own: context.own, from, source, repo: context.repo });
    context.report(diagnostic('from/no-such-layerfile', span, { path: missing, near }));
    return { kind: 'unknown', span };
  }
  const { repository } = layerfile;
  const inside = (repository.kind === 'own' ? location : location.slice(repository.root.length + 1)) as RepoPath;
  return { kind: 'layerfile', location, path: inside, repository, span };
}

function library({ context, source, span }: Asked): ResolvedParent {
  const location = context.config.library.get(source);
  if (location !== undefined) return { kind: 'layerfile', location, path: location, repository: { kind: 'own' }, span };
  const near = nearest(source, context.config.library.keys());
  const example = JSON.stringify({ library: { [source]: `/ci/${source.replace(/^.*\/|:.*$/g, '')}/Layerfile` } });
  const bare = knownMachines.find((name) => source.endsWith(`/${name.slice('vm/'.length)}`));
  context.report(
    diagnostic(
      'from/unresolved',
      span,
      { source, what: 'is not in the Layerfile library', near: near ?? bare ?? null },
      [{ message: `write the Layerfile it stands for, and name it in .layer/config.json: ${example}`, span: null }],
    ),
  );
  return { kind: 'unknown', span };
}

/** Names under which people know releases. */
const codenames: Readonly<Record<string, string>> = {
  bionic: '18.04',
  focal: '20.04',
  jammy: '22.04',
  noble: '24.04',
  bookworm: '12',
  trixie: '13',
};

/** The base machine that a name most likely means: by its release's name, by near spelling, or the newest of that kind. */
function nearMachine(context: FromContext, name: string): string | null {
  const machines = machineNames(context);
  const [kind = '', version = ''] = name.toLowerCase().split(':');
  const known = machines.find((one) => one === `${kind}:${codenames[version] ?? ''}`);
  return known ?? nearest(name, machines) ?? machines.findLast((one) => one.startsWith(`${kind}:`)) ?? null;
}

function machineNames(context: FromContext): readonly MachineName[] {
  return [...new Set([...knownMachines, ...context.config.bases.keys()])];
}

/** What a word that has none of the forms most likely means. */
function nearSource(asked: Asked): string | null {
  const { context, layerfile, source } = asked;
  const from = directoryOf(layerfile.path);
  for (const prefix of ['./', '/']) {
    const resolved = resolveSource(from, prefix + source);
    if (resolved !== 'outside' && layerfileAt(context.repo, locate(layerfile.repository, resolved.path)) !== null)
      return prefix + source;
  }
  return (
    nearest(source, machineNames(context)) ??
    nearMachine(context, `vm/${source}`) ??
    nearest(source, context.config.library.keys()) ??
    nearPath(asked)
  );
}

/** A Layerfile of the repository, from the root or from here, where only the leading `/` or `./` and a letter are missing. */
function nearPath({ context, layerfile, source }: Asked): string | null {
  const asked = { own: context.own, repo: context.repo, from: directoryOf(layerfile.path) };
  return context.suggest({ ...asked, source: `/${source}` }) ?? context.suggest({ ...asked, source: `./${source}` });
}

/** How to start from a container image. */
function imageNote(source: string): Note {
  const name = `vm/${source.slice(source.lastIndexOf('/') + 1)}`;
  const example = JSON.stringify({ bases: { [name]: { oci: source } } });
  return {
    message: `to start from that container image, put ${example} into .layer/config.json and write FROM ${name}`,
    span: null,
  };
}

function firstWord(text: string, span: Span): { readonly word: string; readonly span: Span } {
  const word = /^(?:"[^"]*"|'[^']*'|\S+)/.exec(text)?.[0] ?? text;
  return {
    word,
    span: word.length === text.length ? span : { ...span, end: Math.min(span.end, span.start + word.length) },
  };
}

function unquoted(word: string): string {
  return word.replace(/^(["'])(.*)\1$/s, '$2');
}

function trimmed(span: Span): Span {
  const text = span.file.text.slice(span.start, span.end);
  return { ...span, start: span.start + (text.length - text.trimStart().length) };
}
