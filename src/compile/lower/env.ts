import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import type { BuildEnv, Env, Named, SecretEnv } from '../../ir/ir.ts';
import { isVariableName, predefinedVariable, predefinedVariables } from '../../ir/variables.ts';
import type { Scope } from '../../ir/walk.ts';
import type { BuildEnvAst, EnvAst, SecretEnvAst, ShellWord, Word } from '../../syntax/ast.ts';
import { escapeOperators, evaluateAssignment } from '../env.ts';
import { type Lowering, reportMissing, titleOf } from './lowering.ts';

/** Pairs in order; a word without `NAME=` takes the next word as its value. */
export function lowerEnv(lowering: Lowering, ast: EnvAst): Env | null {
  if (ast.words.length === 0) return reportMissing(lowering, ast);
  if (isOneValue(ast.words)) {
    reportOneValue(lowering, ast.words);
    return null;
  }
  const pairs: Env['pairs'][number][] = [];
  let scope: Scope = lowering.scope;
  const add = (name: string, value: string, span: Env['span']): void => {
    // ENV HOME may be undone by the next login, so nothing is certain about it.
    const literal = !lowering.certain && value.includes('~') ? null : evaluateAssignment(value, scope);
    pairs.push({ name, value: escapeOperators(value), literal, span });
    scope = { ...scope, variables: new Map(scope.variables).set(name, { origin: 'env', literal }) };
  };
  for (let at = 0; at < ast.words.length; at += 1) {
    const word = ast.words[at];
    if (word === undefined) break;
    const pair = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(word.value);
    if (pair !== null) {
      add(pair[1] ?? '', pair[2] ?? '', word.span);
      continue;
    }
    if (!isVariableName(word.value)) {
      reportName(lowering, word);
      // `NAME = value` was meant as one pair.
      if (word.value === '=') at += 1;
      continue;
    }
    const value = ast.words[at + 1];
    if (value === undefined) lowering.report(diagnostic('language/env-no-value', word.span, { name: word.value }));
    else if (value.value === '=') {
      const right = ast.words[at + 2];
      lowering.report(
        diagnostic('language/env-name', value.span, {
          name: '=',
          near: `${word.value}=${right?.value ?? 'value'}, without blanks`,
        }),
      );
      at += 2;
    } else {
      add(word.value, value.value, { ...word.span, end: value.span.end });
      at += 1;
    }
  }
  if (pairs.length === 0) return null;
  return { kind: 'env', pairs, title: titleOf(ast), span: ast.span };
}

/** `ENV NAME several words`, as Dockerfiles write it: a name, and words that cannot all be names and values. */
function isOneValue([name, value, ...rest]: readonly ShellWord[]): boolean {
  if (name === undefined || value === undefined || rest.length === 0) return false;
  if (!isVariableName(name.value) || [value, ...rest].some((word) => word.value.includes('='))) return false;
  return rest.length % 2 === 1 || rest.some((word, index) => index % 2 === 0 && !isVariableName(word.value));
}

function reportOneValue(lowering: Lowering, words: readonly ShellWord[]): void {
  const [name, value] = words;
  const last = words.at(-1);
  if (name === undefined || value === undefined || last === undefined) return;
  const text = words.slice(1).map((word) => word.value);
  const quoted = /["'\\]/.test(text.join('')) ? '"…"' : `"${text.join(' ')}"`;
  const span = { ...value.span, end: last.span.end };
  lowering.report(diagnostic('language/env-words', span, { name: name.value, quoted }));
}

function reportName(lowering: Lowering, word: ShellWord): void {
  const equals = word.value.indexOf('=');
  const name = equals < 0 ? word.value : word.value.slice(0, equals);
  const appended = /^([A-Za-z_][A-Za-z0-9_]*)\+$/.exec(name)?.[1];
  const rest = equals < 0 ? '' : word.value.slice(equals);
  const dashed = name.replace(/^\$/, '').replace(/[^A-Za-z0-9_]/g, '_');
  const near =
    appended !== undefined
      ? `${appended}=$${appended}${rest.slice(1)}`
      : /[A-Za-z]/.test(name) && isVariableName(dashed)
        ? `${dashed}${rest}`
        : null;
  const whole = word.span.end - word.span.start === word.value.length;
  const span = whole && name !== '' ? { ...word.span, end: word.span.start + name.length } : word.span;
  lowering.report(diagnostic('language/env-name', span, { name: name === '' ? word.value : name, near }));
}

export function lowerBuildEnv(lowering: Lowering, ast: BuildEnvAst): BuildEnv | null {
  if (ast.names.length === 0) return reportMissing(lowering, ast);
  const names = ast.names.flatMap((word): readonly Named[] => {
    if (!checkNameOnly(lowering, word, 'BUILD ENV')) return [];
    const name = word.value;
    if (name === 'EXPOSE_WEBSITE_HOST') lowering.report(diagnostic('language/build-env-host', word.span, {}));
    else if (predefinedVariable(name)?.set === 'secret' && !lowering.scope.secrets.has(name)) {
      lowering.report(diagnostic('language/build-env-secret', word.span, { name }));
    } else if (!isKnownVariable(lowering, name)) {
      const near = nearest(name, comparableNames(lowering));
      // A parent that is missing may set it; only what looks mistyped is worth a word then.
      if (lowering.complete || near !== null)
        lowering.report(diagnostic('language/build-env-unknown', word.span, { name, near }));
    }
    return [{ name, span: word.span }];
  });
  return { kind: 'buildEnv', names, title: titleOf(ast), span: ast.span };
}

export function lowerSecretEnv(lowering: Lowering, ast: SecretEnvAst): SecretEnv | null {
  if (ast.names.length === 0) return reportMissing(lowering, ast);
  const names = ast.names.flatMap((word): readonly Named[] =>
    checkNameOnly(lowering, word, 'SECRET ENV') ? [{ name: word.value, span: word.span }] : [],
  );
  return { kind: 'secretEnv', names, title: titleOf(ast), span: ast.span };
}

/** Whether a word is just a name; what is wrong is reported, without printing what may be a secret's value. */
function checkNameOnly(lowering: Lowering, word: Word, keyword: string): boolean {
  if (isVariableName(word.value)) return true;
  const name = /^\$?\{?([A-Za-z_][A-Za-z0-9_]*)(?:\}?$|=)/.exec(word.value)?.[1];
  if (name !== undefined) lowering.report(diagnostic('language/names-only', word.span, { keyword, name }));
  else {
    const near = word.value.replace(/,$/, '').replace(/[^A-Za-z0-9_]/g, '_');
    lowering.report(
      diagnostic('language/env-name', word.span, { name: word.value, near: isVariableName(near) ? near : null }),
    );
  }
  return false;
}

/** Whether BUILD ENV and SKIP REMAINING IF may name it, secrets included. */
export function isKnownVariable(lowering: Lowering, name: string): boolean {
  if (lowering.given.has(name) || lowering.scope.variables.has(name)) return true;
  const predefined = predefinedVariable(name);
  return predefined !== null && predefined.buildEnv && predefined.set !== 'secret';
}

/** The names that they may name, for suggestions. */
export function comparableNames(lowering: Lowering): readonly string[] {
  const predefined = predefinedVariables.filter((one) => one.buildEnv && one.set !== 'secret').map((one) => one.name);
  return [...lowering.scope.variables.keys(), ...predefined];
}
