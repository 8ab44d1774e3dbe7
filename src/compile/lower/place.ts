import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { staticText } from '../../ir/expand.ts';
import type { Cache, SetupFile, User, Workdir } from '../../ir/ir.ts';
import type { CacheAst, SetupFileAst, UserAst, WorkdirAst } from '../../syntax/ast.ts';
import { toArgument } from '../arguments.ts';
import { type Lowering, onlyWord, reportMissing, titleOf } from './lowering.ts';

export function lowerWorkdir(lowering: Lowering, ast: WorkdirAst): Workdir | null {
  const word = onlyWord(lowering, ast, ast.words);
  if (word === null) return null;
  return { kind: 'workdir', directory: toArgument(lowering, word), title: titleOf(ast), span: ast.span };
}

export function lowerUser(lowering: Lowering, ast: UserAst): User | null {
  const word = onlyWord(lowering, ast, ast.words);
  if (word === null) return null;
  const name = toArgument(lowering, word);
  const text = staticText(name);
  if (text !== null && !/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(text)) {
    lowering.report(diagnostic('language/user-name', word.span, { name: text === '' ? 'nothing' : text }));
  }
  return { kind: 'user', name, title: titleOf(ast), span: ast.span };
}

export function lowerSetupFile(lowering: Lowering, ast: SetupFileAst): SetupFile | null {
  if (ast.paths.length === 0) return reportMissing(lowering, ast);
  const paths = ast.paths.map((word) => toArgument(lowering, word));
  return { kind: 'setupFile', paths, title: titleOf(ast), span: ast.span };
}

export function lowerCache(lowering: Lowering, ast: CacheAst): Cache | null {
  if (ast.paths.length === 0) return reportMissing(lowering, ast);
  const paths = ast.paths.map((word) => toArgument(lowering, word));
  return { kind: 'cache', paths, title: titleOf(ast), span: ast.span };
}
