import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type { LayerId, Step } from '../ir/ir.ts';
import { advance, type Scope } from '../ir/walk.ts';
import type { InstructionAst, WaitAst, Word } from '../syntax/ast.ts';
import { instructionForms } from './lower/forms.ts';
import { lowerAws } from './lower/aws.ts';
import { lowerClone, lowerCopy } from './lower/copy.ts';
import { lowerBuildEnv, lowerEnv, lowerSecretEnv } from './lower/env.ts';
import { lowerExposeTcp, lowerExposeWebsite } from './lower/expose.ts';
import { lowerButton, lowerCheckpoint, lowerSplit, lowerWait } from './lower/flow.ts';
import type { Lowering } from './lower/lowering.ts';
import { lowerCache, lowerSetupFile, lowerUser, lowerWorkdir } from './lower/place.ts';
import { lowerRun } from './lower/run.ts';
import { lowerSkip } from './lower/skip.ts';
import type { RepositoryLook } from './repository-look.ts';

/** One step with what it was made from and what is in force where it begins. */
export interface LoweredStep {
  readonly ast: InstructionAst;
  readonly step: Step;
  readonly scope: Scope;
}

/** A Layerfile's instructions as steps. */
export interface Lowered {
  readonly steps: readonly LoweredStep[];
  /** What is in force behind the last step. */
  readonly scope: Scope;
}

/** What the instructions of one Layerfile are lowered in. */
export interface LoweringContext {
  /** What is in force where the file begins. */
  readonly scope: Scope;
  readonly complete: boolean;
  readonly certain: boolean;
  readonly given: ReadonlySet<string>;
  readonly repository: RepositoryLook;
  readonly waits: (ast: WaitAst) => readonly { readonly id: LayerId; readonly span: Span }[];
  readonly garbled: ReadonlySet<InstructionAst>;
  readonly report: (found: Diagnostic) => void;
}

/** Lowers all instructions in order; one that is wrong is reported and left out, and the next one still means what it means. */
export function lower(context: LoweringContext, instructions: readonly InstructionAst[]): Lowered {
  const steps: LoweredStep[] = [];
  let { scope } = context;
  for (const ast of instructions) {
    const silent = context.garbled.has(ast) || reportEmpty(context, ast);
    const report = silent ? () => {} : context.report;
    const step = lowerInstruction({ ...context, scope, report }, ast);
    if (step === null) continue;
    steps.push({ ast, step, scope });
    scope = advance(scope, step);
  }
  return { steps, scope };
}

/** Reports empty words of instructions that name things with them; whether there are any. */
function reportEmpty({ report, garbled }: LoweringContext, ast: InstructionAst): boolean {
  const empty = namesOf(ast).filter((word) => word.value === '');
  if (garbled.has(ast)) return false;
  for (const { span } of empty) report(diagnostic('language/empty-argument', span, instructionForms[ast.kind]));
  return empty.length > 0;
}

function namesOf(ast: InstructionAst): readonly Word[] {
  switch (ast.kind) {
    case 'copy':
    case 'clone':
    case 'user':
    case 'workdir':
    case 'exposeWebsite':
    case 'exposeTcp':
    case 'aws':
      return ast.words;
    case 'cache':
    case 'setupFile':
      return ast.paths;
    case 'buildEnv':
    case 'secretEnv':
      return ast.names;
    case 'wait':
      return ast.layerfiles;
    case 'from':
    case 'run':
    case 'runBackground':
    case 'runRepeatable':
    case 'env':
    case 'checkpoint':
    case 'split':
    case 'button':
    case 'label':
    case 'memory':
    case 'skipRemainingIf':
      return [];
  }
}

/** FROM, LABEL and MEMORY are facts of the layer, so no steps. */
function lowerInstruction(lowering: Lowering, ast: InstructionAst): Step | null {
  switch (ast.kind) {
    case 'from':
    case 'label':
    case 'memory':
      return null;
    case 'run':
    case 'runBackground':
    case 'runRepeatable':
      return lowerRun(lowering, ast);
    case 'copy':
      return lowerCopy(lowering, ast);
    case 'clone':
      return lowerClone(lowering, ast);
    case 'env':
      return lowerEnv(lowering, ast);
    case 'buildEnv':
      return lowerBuildEnv(lowering, ast);
    case 'secretEnv':
      return lowerSecretEnv(lowering, ast);
    case 'cache':
      return lowerCache(lowering, ast);
    case 'checkpoint':
      return lowerCheckpoint(lowering, ast);
    case 'split':
      return lowerSplit(lowering, ast);
    case 'wait':
      return lowerWait(lowering, ast);
    case 'button':
      return lowerButton(lowering, ast);
    case 'exposeWebsite':
      return lowerExposeWebsite(lowering, ast);
    case 'exposeTcp':
      return lowerExposeTcp(lowering, ast);
    case 'setupFile':
      return lowerSetupFile(lowering, ast);
    case 'skipRemainingIf':
      return lowerSkip(lowering, ast);
    case 'user':
      return lowerUser(lowering, ast);
    case 'workdir':
      return lowerWorkdir(lowering, ast);
    case 'aws':
      return lowerAws(lowering, ast);
  }
}
