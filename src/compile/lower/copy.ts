import { diagnostic } from '../../diagnostics/diagnostic.ts';
import type { RepoPath } from '../../host.ts';
import { argumentText, staticText } from '../../ir/expand.ts';
import { isNeverCopied } from '../../ir/glob.ts';
import type { Argument, Clone, Copy, Source } from '../../ir/ir.ts';
import { directoryOf, isWithin, resolveSource } from '../../ir/sources.ts';
import type { CloneAst, CopyAst, Word } from '../../syntax/ast.ts';
import { toArgument, toSource, withoutPrefix } from '../arguments.ts';
import { type Lowering, reportMissing, titleOf } from './lowering.ts';

export function lowerCopy(lowering: Lowering, ast: CopyAst): Copy | null {
  const words = withoutOptions(lowering, ast, ast.words);
  const last = words.at(-1);
  if (last === undefined || words.length < 2) return reportMissing(lowering, ast);
  const sources = words.slice(0, -1).map((word) => toSource(lowering, word));
  const destination = toArgument(lowering, last);
  checkDestination(lowering, sources, destination);
  for (const source of sources) checkSource(lowering, source);
  return { kind: 'copy', from: lowering.repository.from, sources, destination, title: titleOf(ast), span: ast.span };
}

export function lowerClone(lowering: Lowering, ast: CloneAst): Clone | null {
  const words = withoutOptions(lowering, ast, ast.words);
  const defaults = words.filter(isDefault);
  const [url, ...paths] = words.filter((word) => !isDefault(word));
  const last = paths.at(-1);
  const [branch, second] = defaults;
  if (second !== undefined) lowering.report(diagnostic('language/clone-default', second.span, { problem: 'twice' }));
  if (branch?.value === 'DEFAULT=')
    lowering.report(diagnostic('language/clone-default', branch.span, { problem: 'empty' }));
  if (url === undefined || last === undefined) return reportMissing(lowering, ast);
  const address = toArgument(lowering, url);
  const text = staticText(address);
  if (text !== null && !/^[a-z][a-z0-9+.-]*:\/\/.|^[^\s/:]+@[^\s/:]+:.|^\//i.test(text)) {
    lowering.report(diagnostic('language/clone-url', url.span, { url: text }));
  }
  const sources = paths.slice(0, -1).map((word) => toSource(lowering, word));
  const destination = toArgument(lowering, last);
  checkDestination(lowering, sources, destination);
  for (const { path } of sources) {
    const source = staticText(path);
    if (source !== null && resolveSource('' as RepoPath, source) === 'outside') {
      lowering.report(diagnostic('language/copy-outside', path.span, { source }));
    }
  }
  return {
    kind: 'clone',
    url: address,
    defaultBranch: branch === undefined ? null : toArgument(lowering, withoutPrefix(branch, 'DEFAULT=')),
    sources,
    destination,
    title: titleOf(ast),
    span: ast.span,
  };
}

/** The words that are no options of Dockerfiles (`--from=build`), which are reported. */
function withoutOptions(lowering: Lowering, ast: CopyAst | CloneAst, words: readonly Word[]): readonly Word[] {
  return words.filter((word) => {
    const option = /^--[a-z][a-z-]*(?==|$)/.exec(word.value)?.[0];
    if (option === undefined || word.parts[0]?.quote !== 'none') return true;
    lowering.report(diagnostic('language/copy-option', word.span, { keyword: ast.kind.toUpperCase(), option }));
    return false;
  });
}

function isDefault(word: Word): boolean {
  return word.parts[0]?.quote === 'none' && word.parts[0].text.startsWith('DEFAULT=');
}

/** With two sources or more, or a glob, the destination says that it is a directory. */
function checkDestination(lowering: Lowering, sources: readonly Source[], destination: Argument): void {
  const several = sources.length > 1 || sources.some((source) => source.glob);
  const end = destination.parts.at(-1);
  if (!several || typeof end === 'object' || end?.endsWith('/') === true || staticText(destination) === '.') return;
  const text = destination.span.file.text.slice(destination.span.start, destination.span.end);
  const suggestion = argumentText(destination) === '' || /["'\\]/.test(text) ? 'it with a / at its end' : `${text}/`;
  lowering.report(diagnostic('language/copy-destination', destination.span, { destination: suggestion }));
}

function checkSource({ repository, report }: Lowering, { path, glob }: Source): void {
  const text = staticText(path);
  if (text === null) return;
  const resolved = resolveSource(repository.from, text);
  if (resolved === 'outside') {
    report(diagnostic('language/copy-outside', path.span, { source: text }));
    return;
  }
  if (isWithin('.layer' as RepoPath, resolved.path)) {
    report(diagnostic('language/copy-never', path.span, { source: text }));
    return;
  }
  if (glob) {
    if (!repository.matches(resolved.path)) report(diagnostic('language/copy-no-match', path.span, { pattern: text }));
    return;
  }
  if (repository.kind(resolved.path) !== null) return;
  report(
    diagnostic('language/copy-missing', path.span, {
      path: text,
      near: nearSource({ repository, text, path: resolved.path }),
    }),
  );
}

/** A name that exists and was most likely meant, written as the source was. */
function nearSource(missing: {
  readonly repository: Lowering['repository'];
  readonly text: string;
  readonly path: RepoPath;
}): string | null {
  const { repository, text, path } = missing;
  if (isNeverCopied(path)) return null;
  const near = repository.near(path);
  if (near !== null) {
    if (directoryOf(near) !== directoryOf(path)) return `/${near}`;
    const parent = text.replace(/[^/]*\/*$/, '');
    return parent + near.slice(near.lastIndexOf('/') + 1);
  }
  // The right path from the wrong end: the root for the Layerfile's directory, or the other way round.
  const other = text.startsWith('/') ? text.replace(/^\/+/, '') : `/${text.replace(/^(\.\.?\/+)+/, '')}`;
  const resolved = resolveSource(repository.from, other);
  if (resolved === 'outside' || other === '' || resolved.path === path) return null;
  return repository.kind(resolved.path) === null ? null : other;
}
