// How long `layer compile --target github` takes beyond `layer check`, starting Node included: 1,000 Layerfiles, twenty on each base.
// node bench/compile.ts [rounds]
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { least } from './layer.ts';
import { table } from './table.ts';

const layerfiles = 1000;
const rounds = Number(process.argv[2] ?? 5);
const layer = fileURLToPath(new URL('../dist/layer.js', import.meta.url));

const repository = mkdtempSync(join(tmpdir(), 'layer-bench-'));
try {
  for (let service = 0; service < layerfiles; service += 1) {
    const directory = join(repository, directoryOf(service));
    mkdirSync(join(directory, 'src'), { recursive: true });
    writeFileSync(join(directory, 'Layerfile'), layerfile(service));
    writeFileSync(join(directory, 'src', 'main.ts'), `export const value = ${service};\n`);
  }
  execFileSync('git', ['-C', repository, 'init', '-q']);
  execFileSync('git', ['-C', repository, 'add', '-A']);
  const check = measure(['check']);
  const compile = measure(['compile', '--target', 'github', '--out', '-']);
  const rows = [
    ['`layer check`', least(check)],
    ['`layer compile --target github`', least(compile)],
    ['beyond `layer check`', least([Math.min(...compile) - Math.min(...check)])],
  ];
  console.log(table(`1,000 Layerfiles, twenty on each base: the least of ${rounds}`, ['', ''], rows));
} finally {
  rmSync(repository, { recursive: true, force: true });
}

function directoryOf(service: number): string {
  return `area-${Math.floor(service / 20)}/service-${service}`;
}

function layerfile(service: number): string {
  const base = service % 20 === 0 ? 'vm/ubuntu:22.04' : `/${directoryOf(service - (service % 20))}`;
  return `FROM ${base}
ENV PORT=${3000 + service} NODE_ENV="test $CI"
BUILD ENV GIT_BRANCH
WORKDIR /service-${service}
COPY src ./src
CACHE ~/.npm
SECRET ENV NPM_TOKEN
SKIP REMAINING IF GIT_BRANCH=~^docs/
RUN npm ci && \\
  npm run build
RUN npm test -- --filter "service ${service}"
`;
}

/** Wall times in milliseconds. */
function measure(args: readonly string[]): readonly number[] {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [layer, ...args], { cwd: repository, maxBuffer: 1 << 28 });
    times.push(performance.now() - start);
    if (status !== 0) throw new Error(`layer ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  return times;
}
