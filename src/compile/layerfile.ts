import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { RepoPath } from '../host.ts';
import type { BaseSource, MachineName, RepositorySource } from '../ir/ir.ts';
import { joinPath } from '../ir/sources.ts';
import type { InstructionAst, LayerfileAst, WaitAst } from '../syntax/ast.ts';

/** A Layerfile that was read: its tree, and where it is. */
export interface Layerfile {
  /** Where it is read from, in the repository that is checked. Identifies it. */
  readonly location: RepoPath;
  /** Its path in its own repository. */
  readonly path: RepoPath;
  readonly repository: RepositorySource;
  /** Whether it is one of the repository's own that run by themselves. */
  readonly own: boolean;
  readonly source: SourceFile;
  readonly ast: LayerfileAst;
  /** The lines that are instructions. */
  readonly instructions: readonly InstructionAst[];
  /** Those whose words could not be told apart (a quote is not closed): what follows from that is not worth reporting. */
  readonly garbled: ReadonlySet<InstructionAst>;
}

/** A Layerfile and what it leads to; `location`s instead of ids, which are given last. */
export interface LinkedLayerfile {
  readonly layerfile: Layerfile;
  readonly parent: Parent;
  readonly waits: ReadonlyMap<WaitAst, readonly LinkedWait[]>;
}

/** What FROM means. `unknown`: that could not be found out, and was reported. */
export type Parent =
  | { readonly kind: 'machine'; readonly name: MachineName; readonly source: BaseSource; readonly span: Span }
  | { readonly kind: 'layerfile'; readonly location: RepoPath; readonly span: Span }
  | { readonly kind: 'unknown'; readonly span: Span };

export interface LinkedWait {
  readonly location: RepoPath;
  readonly span: Span;
}

/** Where a path of a Layerfile's own repository lies in the repository that is checked. */
export function locate(repository: RepositorySource, path: RepoPath): RepoPath {
  if (repository.kind === 'own') return path;
  return path === '' ? repository.root : joinPath(repository.root, path);
}
