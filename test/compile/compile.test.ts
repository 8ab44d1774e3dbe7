import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import { catalog } from '../../src/diagnostics/catalog.ts';
import type { RepoPath } from '../../src/host.ts';
import { printPlan } from '../../src/ir/print.ts';
import { printDiagnostics } from '../support/diagnostics-text.ts';
import { type MemoryEntry, MemoryRepo } from '../support/memory-repo.ts';

const from = 'FROM vm/debian:12\n';

async function diagnosticsOf(
  entries: Readonly<Record<string, MemoryEntry>>,
  only: readonly string[] | null = null,
): Promise<string> {
  const { diagnostics, plan } = await compile(new MemoryRepo(entries), { only: only as readonly RepoPath[] | null });
  expect(plan === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  return diagnostics.length === 0 ? '' : printDiagnostics(diagnostics);
}

describe('files that cannot be read', () => {
  it('says that there are none', async () => {
    expect(await diagnosticsOf({ 'README.md': '' })).toBe(
      '- error file/none there is no Layerfile in /memory; write one, for example at its root\n',
    );
  });

  it('names what is wrong with each, and reads the others', async () => {
    const entries = {
      'a/Layerfile/x': '',
      'b/Layerfile': { failure: 'denied' },
      'c/Layerfile': new Uint8Array([...Buffer.from('FROM vm/debian:12\nRUN é '), 0xe9, 0x0a]),
      'd/Layerfile': { link: '../../outside' },
      'e/Layerfile': { link: '../nowhere' },
      'f/Layerfile': { link: '../g/Layerfile' },
      'g/Layerfile': `${from}MEMORY lots\n`,
      'h/Layerfile': { failure: 'failed' },
      'i/Layerfile': new Uint8Array([0xff, 0xfe, 0x46, 0]),
      'j/Layerfile': new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0x80]),
    } as const;
    expect(await diagnosticsOf(entries)).toBe(
      [
        'a/Layerfile:1:1-1:1 error file/is-directory this is a directory; Layerfile is the name of a file, so rename the directory',
        'b/Layerfile:1:1-1:1 error file/unreadable this Layerfile cannot be read: permission denied',
        'c/Layerfile:2:7-2:8 error file/not-utf8 this Layerfile is not UTF-8 (byte 26 is the first that is not); save it as UTF-8',
        'd/Layerfile:1:1-1:1 error file/link-outside this is a link to ../../outside, which is outside the repository; put the file itself here',
        'e/Layerfile:1:1-1:1 error file/unreadable this Layerfile cannot be read: it is a link to ../nowhere, where nothing is',
        'f/Layerfile:2:8-2:12 error language/memory-size lots is not a size; write a number and K, M or G, like 2G',
        'g/Layerfile:2:8-2:12 error language/memory-size lots is not a size; write a number and K, M or G, like 2G',
        'h/Layerfile:1:1-1:1 error file/unreadable this Layerfile cannot be read: the system reported an error',
        'i/Layerfile:1:1-1:2 error file/not-utf8 this Layerfile is UTF-16; save it as UTF-8',
        'j/Layerfile:1:9-1:10 error file/not-utf8 this Layerfile is no text; save it as UTF-8',
        '',
      ].join('\n'),
    );
  });

  it('reads a byte order mark and every line end', async () => {
    expect(await diagnosticsOf({ Layerfile: '\uFEFFFROM vm/debian:12\rRUN a\r\nRUN b' })).toBe('');
  });

  it('says why the configuration cannot be read', async () => {
    const denied = await diagnosticsOf({ Layerfile: from, '.layer/config.json': { failure: 'denied' } });
    expect(denied).toBe(
      '.layer/config.json:1:1-1:1 error config/unreadable .layer/config.json cannot be read: permission denied\n',
    );
    const bytes = await diagnosticsOf({ Layerfile: from, '.layer/config.json': new Uint8Array([0xff]) });
    expect(bytes).toContain('it is not UTF-8');
    expect(await diagnosticsOf({ Layerfile: from, '.layer/config.json': '' })).toContain('config/syntax');
  });
});

describe('only some Layerfiles', () => {
  const entries = {
    'base/Layerfile': from,
    'web/Layerfile': 'FROM /base\nWAIT /lint\n',
    'web/a/Layerfile': `${from}LABEL display_name=web\n`,
    'lint/Layerfile': from,
    'broken/Layerfile': 'FROM nothing\n',
  };

  it('takes what they start from and wait for along, and hears nothing of the others', async () => {
    const { plan, diagnostics, files } = await compile(new MemoryRepo(entries), {
      only: ['web/Layerfile' as RepoPath],
    });
    expect(diagnostics).toEqual([]);
    expect(plan?.layers.map(({ id }) => id)).toEqual(['base', 'lint', 'web']);
    expect(files.map(({ location }) => location)).toEqual(['base/Layerfile', 'lint/Layerfile', 'web/Layerfile']);
  });

  it('gives the same ids as when all are compiled', async () => {
    const { plan } = await compile(new MemoryRepo(entries), { only: ['web/a' as RepoPath] });
    expect(plan?.layers.map(({ id }) => id)).toEqual(['web-2']);
  });

  it('names a path that selects nothing', async () => {
    expect(await diagnosticsOf(entries, ['wbe'])).toBe(
      '- error file/no-such-layerfile there is no Layerfile at wbe; did you mean web?\n',
    );
  });
});

describe('links', () => {
  const entries = { Layerfile: `${from}COPY current .\nCOPY current/a.ts .\n`, current: { link: 'v2' }, 'v2/a.ts': '' };

  it('are copied as links, and not looked through', async () => {
    expect(await diagnosticsOf(entries)).toBe(
      'Layerfile:3:6-3:18 error language/copy-missing there is no current/a.ts in the repository; did you mean /v2/a.ts?\n',
    );
  });
});

describe('git', () => {
  it('is copied when it is named, with a warning', async () => {
    const entries = {
      Layerfile: `${from}COPY . .\nCOPY .git/HEAD .git/HEAD\nCOPY .gitignore .\n`,
      '.git/HEAD': '',
      '.gitignore': '',
    };
    const found = await diagnosticsOf(entries);
    expect(found).toContain('Layerfile:3:6-3:15 warning lint/git-copied');
    expect(found.split('\n')).toHaveLength(2);
  });
});

describe('Layerfiles of other repositories', () => {
  it('are listed when they must be fetched', async () => {
    const source = 'github/my-org/machines/node/Layerfile@130D951b92c9';
    const { unfetched } = await compile(new MemoryRepo({ Layerfile: `FROM ${source}\n` }));
    expect(unfetched).toEqual([{ owner: 'my-org', name: 'machines', path: 'node/Layerfile', commit: '130d951b92c9' }]);
  });
});

describe('variables that the command line gives', () => {
  it('may be named by BUILD ENV', async () => {
    const repo = new MemoryRepo({ Layerfile: `${from}BUILD ENV MODE\nWORKDIR /$MODE\nSKIP REMAINING IF MODE=x\n` });
    expect((await compile(repo, { given: ['MODE'] })).diagnostics).toEqual([]);
    expect((await compile(repo)).diagnostics.map(({ code }) => code)).toEqual([
      ...['language/build-env-unknown', 'language/unset-variable', 'language/skip-unknown'],
    ]);
  });
});

describe('big repositories', () => {
  it('reads each file once, and asks about each path once', async () => {
    const entries: Record<string, string> = { 'package.json': '{}' };
    for (let index = 0; index < 200; index += 1) {
      const parent = index === 0 ? from : `FROM /d${index - 1}\n`;
      entries[`d${index}/Layerfile`] = `${parent}COPY /package.json /*.json ./\nENV A${index}=1\nRUN x\n`;
    }
    const repo = new MemoryRepo(entries);
    const { plan } = await compile(repo);
    expect(plan?.layers).toHaveLength(200);
    expect(repo.asked.read).toBe(200);
    expect(repo.asked.kind).toBeLessThan(2 * 200 + 10);
    expect(repo.asked.list).toBeLessThan(10);
  });

  it('is not slow where every file is wrong', async () => {
    const entries: Record<string, string> = {};
    for (let index = 0; index < 1000; index += 1) {
      entries[`services/number-${index}/Layerfile`] = `FROM /servces/number-${index}x\nCOPY nothing-${index} .\n`;
    }
    const started = process.cpuUsage();
    const { diagnostics } = await compile(new MemoryRepo(entries));
    expect(diagnostics).toHaveLength(2000);
    expect(process.cpuUsage(started).user).toBeLessThan(15_000_000);
  });

  it('follows a chain of thousands without running out of stack', async () => {
    const entries: Record<string, string> = {};
    for (let index = 0; index < 5000; index += 1)
      entries[`d${index}/Layerfile`] = index === 0 ? from : `FROM /d${index - 1}\n`;
    expect((await compile(new MemoryRepo(entries))).plan?.layers).toHaveLength(5000);
  });
});

describe('any text', () => {
  it('compiles or is reported, never throws, with spans inside the file', async () => {
    const word = fc.constantFrom(
      ...[
        '.',
        '/',
        '..',
        '~/x',
        '$A',
        '${A}',
        '${A:-b}',
        '"a b"',
        "'$A'",
        '*.ts',
        'a=b',
        '=',
        '--x',
        '0',
        '99999',
        '2G',
        'localhost',
      ],
      ...[
        'localhost:80',
        'disabled',
        'link',
        'DEFAULT=',
        'DEFAULT=x',
        'AND',
        'GIT_BRANCH',
        '=~',
        '(?=a)',
        '\\',
        '#',
        'é',
        '&',
        '`x`',
      ],
    );
    const keyword = fc.constantFrom(
      ...[
        'FROM',
        'RUN',
        'RUN BACKGROUND',
        'COPY',
        'CLONE',
        'ENV',
        'BUILD ENV',
        'SECRET ENV',
        'CACHE',
        'CHECKPOINT',
        'SPLIT',
        'WAIT',
      ],
      ...[
        'BUTTON',
        'EXPOSE WEBSITE',
        'EXPOSE TCP',
        'LABEL',
        'MEMORY',
        'SETUP FILE',
        'SKIP REMAINING IF',
        'USER',
        'WORKDIR',
        'AWS',
      ],
    );
    const line = fc.tuple(keyword, fc.array(word, { maxLength: 4 })).map(([first, rest]) => [first, ...rest].join(' '));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        const text = ['FROM vm/debian:12', ...lines].join('\n');
        const { plan, diagnostics } = await compile(
          new MemoryRepo({ Layerfile: text, 'a.ts': '', 'b/Layerfile': text }),
        );
        for (const { span } of diagnostics) {
          if (span === null) continue;
          expect(span.start).toBeLessThanOrEqual(span.end);
          expect(span.end).toBeLessThanOrEqual(span.file.text.length);
        }
        if (plan !== null) expect(() => JSON.parse(printPlan(plan)) as unknown).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe('the catalog', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));

  it('has a fixture or a named test for each code, and an explanation', () => {
    const told = readAll(`${root}fixtures`, 'diagnostics.txt') + readAll(`${root}test`, '.test.ts');
    // What a target cannot do is told beside the targets.
    const untold = Object.keys(catalog).filter((code) => !/^(target|github)\//.test(code) && !told.includes(code));
    expect(untold).toEqual([]);
    for (const [code, { explain }] of Object.entries(catalog)) {
      expect(explain.length, code).toBeGreaterThan(20);
      expect(
        explain.split('\n').every((line) => line.length <= 140),
        code,
      ).toBe(true);
    }
  });
});

function readAll(directory: string, suffix: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'))
    .join('\n');
}
