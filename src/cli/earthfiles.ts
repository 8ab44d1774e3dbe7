import { readText } from '../compile/discover.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { checkEarthfile } from '../earthfile/check.ts';
import { parseEarthfile } from '../earthfile/parse.ts';
import type { RepoPath, RepoReader } from '../host.ts';

/** Whether a path names an Earthfile: its last part is `Earthfile` or ends in `.earth`. */
export function isEarthfile(path: string): boolean {
  return /(^|\/)(Earthfile|[^/]*\.earth)$/.test(path);
}

/** Everything wrong with Earthfiles of a repository, file by file, in the order of each text. */
export function checkEarthfiles(repo: RepoReader, paths: readonly RepoPath[]): readonly Diagnostic[] {
  return paths.flatMap((path) => {
    const found: Diagnostic[] = [];
    const file = readText(repo, path, (one) => void found.push(one));
    if (file === null) return found;
    const { ast, diagnostics } = parseEarthfile(file);
    return [...found, ...diagnostics, ...checkEarthfile(ast)].sort(
      (a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0),
    );
  });
}
