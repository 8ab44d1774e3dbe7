import { compile, type Compiled, type CompileOptions } from '../../compile/compile.ts';
import type { RepoReader } from '../../host.ts';
import { fetchVendored } from '../../runner/input/vendor.ts';

/** Compiles, fetching the Layerfiles of other repositories that are wanted; each may want further ones. `failure`: one cannot be had. */
export async function compileFetched(
  repository: RepoReader,
  given: {
    readonly compile: CompileOptions;
    readonly offline: boolean;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly tell: (message: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<Compiled | { readonly failure: string }> {
  const tried = new Set<string>();
  for (;;) {
    const compiled = await compile(repository, given.compile);
    const wanted = new Map(compiled.unfetched.map((one) => [`${one.owner}/${one.name}@${one.commit}`, one]));
    const fresh = [...wanted].filter(([name]) => !tried.has(name));
    if (compiled.plan !== null || fresh.length === 0) return compiled;
    for (const [name, source] of fresh) {
      tried.add(name);
      if (given.offline) return { failure: `github/${name} has not been fetched, and --offline fetches nothing` };
      given.tell(`fetching github/${name}`);
      const fetched = await fetchVendored(source, { root: repository.root, env: given.env, signal: given.signal });
      if ('why' in fetched) return { failure: `github/${name} cannot be fetched: ${fetched.why}` };
    }
  }
}
