import { compile } from '../../src/compile/compile.ts';
import { hasErrors, type Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import type { RepoReader } from '../../src/host.ts';
import { checkSupport, type OutputFile } from '../../src/target.ts';
import { defaultOptions, targets, type TargetOptions } from '../../targets/index.ts';

/** What comes of compiling a repository for a target. */
export interface CompiledFor {
  /** null where the Layerfiles are wrong. */
  readonly found: readonly Diagnostic[] | null;
  /** null where something is an error. */
  readonly files: readonly OutputFile[] | null;
}

/** Compiles a repository for a target; `found` is what the target finds, beyond what the check of Layerfiles does. */
export async function compileFor(
  name: string,
  repository: RepoReader,
  options: TargetOptions = defaultOptions,
): Promise<CompiledFor> {
  const target = targets[name]?.(options);
  if (target === undefined) throw new Error(`no target ${name}`);
  const { plan } = await compile(repository);
  if (plan === null) return { found: null, files: null };
  const found = [...target.check(plan), ...checkSupport(plan, target)];
  return { found, files: hasErrors(found) ? null : target.emit(plan) };
}
