// How long `layer check` and `layer --version` take, starting Node included: 1,000 Layerfiles among 10,000 files, in git.
// node bench/check.ts [rounds]
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { least } from './layer.ts';
import { table } from './table.ts';

const layerfiles = 1000;
const files = 10_000;
const rounds = Number(process.argv[2] ?? 7);
const layer = fileURLToPath(new URL('../dist/layer.js', import.meta.url));

const repository = mkdtempSync(join(tmpdir(), 'layer-bench-'));
try {
  generate(repository);
  const rows = [
    ['`layer --version`', least(measure(['--version']))],
    ['`layer check`', least(measure(['check']))],
  ];
  breakSome();
  rows.push(['`layer check`, one Layerfile in ten with mistakes', least(measure(['check']))]);
  console.log(table(`1,000 Layerfiles in 10,000 files: the least of ${rounds}`, ['', ''], rows));
} finally {
  rmSync(repository, { recursive: true, force: true });
}

/** A service a directory: each with a Layerfile on a shared base, and sources beside it. */
function generate(root: string): void {
  for (let service = 0; service < layerfiles; service += 1) {
    const directory = join(root, directoryOf(service));
    mkdirSync(join(directory, 'src'), { recursive: true });
    writeFileSync(join(directory, 'Layerfile'), layerfile(service));
    for (let file = 1; file < files / layerfiles; file += 1) {
      writeFileSync(join(directory, 'src', `module-${file}.ts`), `export const value = ${file};\n`);
    }
  }
  execFileSync('git', ['-C', root, 'init', '-q']);
  execFileSync('git', ['-C', root, 'add', '-A']);
}

function directoryOf(service: number): string {
  return `area-${Math.floor(service / 50)}/service-${service}`;
}

function layerfile(service: number): string {
  const base = service % 50 === 0 ? 'vm/ubuntu:22.04' : `/${directoryOf(service - (service % 50))}`;
  return `FROM ${base}
# service ${service}
MEMORY 2G
ENV PORT=${3000 + service} \\
  NODE_ENV=test
BUILD ENV GIT_BRANCH
WORKDIR /service-${service}
COPY src ./src
RUN npm ci && \\
  npm run build
RUN BACKGROUND npm start
EXPOSE WEBSITE localhost:${3000 + service} /service-${service}
RUN npm test -- --filter "service ${service}"
`;
}

function breakSome(): void {
  for (let service = 0; service < layerfiles; service += 10) {
    const path = join(repository, directoryOf(service), 'Layerfile');
    writeFileSync(path, `${layerfile(service)}EXPOSE WEBISTE localhost\nCOPY nothing .\nCACHE\n`);
  }
}

/** Wall times in milliseconds. */
function measure(args: readonly string[]): readonly number[] {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [layer, ...args], { cwd: repository, maxBuffer: 1 << 28 });
    times.push(performance.now() - start);
    if (status !== 0 && status !== 2) throw new Error(`layer ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  return times;
}
