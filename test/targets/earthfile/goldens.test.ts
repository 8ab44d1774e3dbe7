import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Parser from 'tree-sitter';
import language from 'tree-sitter-earthfile';
import { expect } from 'vitest';
import { describeFixtures, readTree, updateGoldens } from '../../support/compile-fixtures.ts';
import { printDiagnostics } from '../../support/diagnostics-text.ts';
import { compiled, faults, textOf } from './compiled.ts';

const fixed = new Set(['.earth/sh', '.earth/layer-sh', '.earth/build']);

/** What each repository of fixtures/compile becomes: `expected/earthfile/`, and `diagnostics.txt` in it for what is emulated or refused. */
describeFixtures('expected/plan.json', async (story) => {
  const entries = readTree(join(story, 'repo'));
  const { found, files } = await compiled(entries);
  const output = new Map(
    (files ?? []).filter(({ path }) => !fixed.has(path)).map(({ path, content }) => [path, content]),
  );
  if (found.length > 0) output.set('diagnostics.txt', printDiagnostics(found));
  compare(join(story, 'expected', 'earthfile'), output);
  if (files === null) return;
  expect(faults(textOf(files))).toEqual([]);
  expect(errorsOfTreeSitter(textOf(files))).toEqual([]);
  expect((await compiled(entries)).files).toEqual(files);
});

function compare(directory: string, output: ReadonlyMap<string, string>): void {
  if (updateGoldens) {
    rmSync(directory, { recursive: true, force: true });
    for (const [path, content] of output) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), content);
    }
  }
  const golden = existsSync(directory) ? readTree(directory) : {};
  const texts = Object.entries(golden).map(([path, bytes]) => [path, new TextDecoder().decode(bytes)] as const);
  expect(Object.fromEntries(output)).toEqual(Object.fromEntries(texts));
}

const parser = new Parser();
parser.setLanguage(language as unknown as Parser.Language);

/** What tree-sitter's grammar cannot read, as `row: text`. */
function errorsOfTreeSitter(text: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: Parser.SyntaxNode): void => {
    if (node.isError || node.isMissing) found.push(`${node.startPosition.row + 1}: ${node.text.slice(0, 80)}`);
    for (const child of node.children) visit(child);
  };
  // Its buffer is 32 KiB unless it is told otherwise.
  const tree = parser.parse((offset: number) => text.slice(offset, offset + 4096));
  if (tree.rootNode.hasError) visit(tree.rootNode);
  return found;
}
