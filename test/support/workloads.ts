import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What people run on their repositories in CI, on repositories made for it. Programs are the host's. */
export interface Workload {
  readonly name: string;
  /** Fills an empty directory. */
  fill(directory: string): void;
  /** A shell script that is run in the directory; may be run again and again. */
  readonly script: string;
}

/** Each workload on about so many files, or a tenth of them where each takes long. */
export function workloads(files: number): readonly Workload[] {
  return [tsc(files), make(Math.ceil(files / 10)), npmCi(Math.ceil(files / 20)), gitStatus(files)];
}

function tsc(modules: number): Workload {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  return {
    name: 'tsc',
    script: `'${process.execPath}' '${compiler}' -p .`,
    fill(directory) {
      const options = { module: 'nodenext', target: 'es2022', strict: true, rootDir: 'src', outDir: 'out', types: [] };
      write(directory, 'tsconfig.json', JSON.stringify({ compilerOptions: options, include: ['src'] }));
      write(directory, 'package.json', '{ "type": "module" }');
      for (let module = 0; module < modules; module += 1) {
        const before = [module - 1, Math.floor(module / 2), Math.floor(module / 3)].filter(
          (one) => one >= 0 && one < module,
        );
        const imports = [...new Set(before)].map(
          (one) => `import { type Item${one}, make${one} } from '../d${one % 20}/m${one}.js';\n`,
        );
        const fields = Array.from(
          { length: 20 },
          (_, field) => `  readonly field${field}: ${field % 2 ? 'string' : 'number'};\n`,
        );
        const values = Array.from({ length: 20 }, (_, field) => `field${field}: ${field % 2 ? `'${field}'` : field}`);
        const used = [...new Set(before)].map((one) => `export const use${one}: Item${one} = make${one}();\n`);
        const text = `${imports.join('')}export interface Item${module} {\n${fields.join('')}}\n${used.join('')}export function make${module}(): Item${module} {\n  return { ${values.join(', ')} };\n}\n`;
        write(directory, `src/d${module % 20}/m${module}.ts`, text);
      }
    },
  };
}

function make(sources: number): Workload {
  return {
    name: 'make',
    script: 'make -B -s',
    fill(directory) {
      const names = Array.from({ length: sources }, (_, source) => `src/f${source}`);
      const rules = names.map(
        (name) => `out/${name}.o: ${name}.c include/all.h | out/src\n\t$(CC) -Iinclude -O1 -c -o $@ $<\n`,
      );
      const objects = names.map((name) => `out/${name}.o`).join(' ');
      write(
        directory,
        'Makefile',
        `program: ${objects}\n\t$(CC) -o out/program ${objects}\nout/src:\n\tmkdir -p $@\n${rules.join('')}`,
      );
      const headers = Array.from({ length: 20 }, (_, header) => `part${header}.h`);
      write(directory, 'include/all.h', headers.map((header) => `#include "${header}"\n`).join(''));
      for (const [header, name] of headers.entries()) {
        const lines = Array.from(
          { length: 50 },
          (_, line) => `static inline int part${header}_${line}(int x) { return x * ${line} + ${header}; }\n`,
        );
        write(directory, `include/${name}`, lines.join(''));
      }
      names.forEach((name, source) => {
        const main = source === 0 ? 'int main(void) { return 0; }\n' : '';
        const calls = Array.from({ length: 20 }, (_, call) => `part${call}_${(source + call) % 50}(x)`);
        write(
          directory,
          `${name}.c`,
          `#include "all.h"\nint f${source}(int x) { return ${calls.join(' + ')}; }\n${main}`,
        );
      });
    },
  };
}

/** From tarballs in the repository: no network. */
function npmCi(packages: number): Workload {
  return {
    name: 'npm ci',
    script: 'npm ci --offline --ignore-scripts --no-audit --no-fund --loglevel=error --cache ../npm-cache',
    fill(directory) {
      const scratch = mkdtempSync(join(tmpdir(), 'layer-workload-'));
      const dependencies: Record<string, string> = {};
      for (let index = 0; index < packages; index += 1) {
        const name = `package-${index}`;
        write(scratch, `${name}/package/package.json`, JSON.stringify({ name, version: '1.0.0' }));
        for (let file = 0; file < 20; file += 1) {
          write(
            scratch,
            `${name}/package/lib/f${file}.js`,
            `module.exports = ${JSON.stringify('x'.repeat(200 + file))};\n`,
          );
        }
        mkdirSync(join(directory, 'vendor'), { recursive: true });
        execFileSync('tar', [
          '-czf',
          join(directory, 'vendor', `${name}-1.0.0.tgz`),
          '-C',
          join(scratch, name),
          'package',
        ]);
        dependencies[name] = `file:vendor/${name}-1.0.0.tgz`;
      }
      rmSync(scratch, { recursive: true, force: true });
      write(directory, 'package.json', JSON.stringify({ name: 'workload', version: '1.0.0', dependencies }));
      execFileSync(
        'npm',
        [
          'install',
          '--package-lock-only',
          '--offline',
          '--loglevel=error',
          '--cache',
          join(directory, '..', 'npm-cache'),
        ],
        { cwd: directory, stdio: 'ignore' },
      );
    },
  };
}

function gitStatus(files: number): Workload {
  return {
    name: 'git status',
    script: "git -c safe.directory='*' status --short",
    fill(directory) {
      for (let file = 0; file < files; file += 1)
        write(directory, `d${file % 50}/f${file}`, `${file}\n`.repeat(file % 100));
      const git = (...args: string[]) =>
        execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'gc.auto=0', ...args], {
          cwd: directory,
        });
      git('init', '-q');
      git('add', '-A');
      git('commit', '-qm', 'all');
    },
  };
}

function write(directory: string, path: string, text: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), text);
}
