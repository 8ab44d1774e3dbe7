import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { debianBase } from '../../support/base-machine.ts';
import { runByEarthfile, runNatively, type Story } from '../../support/earthfile-executor/two-ways.ts';
import { scratch } from '../../support/scratch.ts';

/** A repository, and how it is run where there is something to say. */
interface Told extends Pick<Story, 'native' | 'earth' | 'env'> {
  readonly files: Readonly<Record<string, string>>;
}

const stories: Readonly<Record<string, Told>> = {
  'COPY in all its forms': {
    files: {
      'web/Layerfile': `FROM vm/debian:12
RUN mkdir -p /there/sub && echo old > /there/file
COPY one.txt /srv/renamed
COPY one.txt /there
COPY pkg /there
COPY pkg one.txt ./several/
COPY *.txt 'two words' ./globbed/
COPY pkg/**/*.ts ./deep/
COPY / /all
ENV DIR=pkg
COPY $DIR ~/expanded
COPY /shared/x.sh .
RUN cd / && find srv there all root/several root/globbed root/deep root/expanded root/x.sh -not -path '*/.earth*' -not -name Earthfile -not -name .earthlyignore | LC_ALL=C sort
RUN cat /srv/renamed /there/one.txt; /root/x.sh`,
      'web/one.txt': 'one\n',
      'web/two words': 'two\n',
      'web/pkg/a.ts': 'a\n',
      'web/pkg/deep/b.ts': 'b\n',
      'web/pkg/.hidden': '',
      'shared/x.sh': 'echo hello\n',
    },
  },
  'what .layerignore leaves out': {
    files: {
      Layerfile: `FROM vm/debian:12
COPY . /srv
COPY docs/*.md /docs/
RUN cd / && find srv docs -not -path '*/.earth*' -not -name Earthfile -not -name .earthlyignore | LC_ALL=C sort`,
      '.layerignore': '# logs\n*.log\n!keep.log\n/build/\nnode_modules\nweb/[!a]*.txt\n/docs/draft.md\n  \n',
      'keep.log': '',
      'drop.log': '',
      'build/x': '',
      'web/build/x': '',
      'web/node_modules/a/b.js': '',
      'web/a.txt': '',
      'web/b.txt': '',
      'docs/page.md': '',
      'docs/draft.md': '',
    },
  },
  'commands that a lexer might take for something else': {
    files: {
      Layerfile: `FROM vm/debian:12
RUN echo "it's"  "a   b" # no comment
RUN printf '%s|' 'a\\' "b" \\\\ $(echo "c d") "\${HOME}" '"' ; echo
RUN echo 'END' && echo '$(' && echo "\`echo x\`"
RUN cat <<< "here"; echo \\# ; [ -t 0 ] || echo "no  terminal"
ENV A='it'"'"'s' B="$(printf 'x\\ny')" C=a;b D="  "
RUN echo "[$A] [$B] [$C] [$D]"`,
    },
  },
  'a SKIP REMAINING IF that holds, above a CHECKPOINT and a SPLIT': { files: { Layerfile: skipping('quick') } },
  'a SKIP REMAINING IF that does not hold': { files: { Layerfile: skipping('slow') } },
  'a SKIP REMAINING IF on what the run says, and BUILD ENV': {
    files: {
      Layerfile: `FROM vm/debian:12
BUILD ENV GIT_BRANCH
RUN echo "on $GIT_BRANCH, \${SUBDOMAIN-unset}"
SKIP REMAINING IF GIT_BRANCH!=~^(main|release/.*)$ AND REPOSITORY_OWNER=local
RUN echo released`,
    },
    native: ['--env', 'GIT_BRANCH=feature/It-is', '--env', 'SUBDOMAIN=it-is'],
    env: { GIT_BRANCH: 'feature/It-is' },
  },
  'a Layerfile that waits for one that fails': {
    files: {
      Layerfile: 'FROM vm/debian:12\nWAIT fails\nRUN echo never\n',
      'fails/Layerfile': 'FROM vm/debian:12\nRUN echo failing; exit 4\n',
    },
  },
  'children of a SPLIT': {
    files: {
      'base/Layerfile': 'FROM vm/debian:12\nENV WHO=base\nRUN echo prefix\nSPLIT 2\nRUN echo "$SPLIT" > /number\n',
      'child/Layerfile': 'FROM /base\nRUN echo "$WHO $(cat /number) of $SPLIT_NUM as $RUNNER_ID"\n',
    },
  },
  'steps of all kinds while a server is up': {
    files: {
      Layerfile: `FROM vm/debian:12
USER builder
WORKDIR /srv/site
RUN BACKGROUND exec python3 -m http.server 8080 2>/dev/null
EXPOSE WEBSITE localhost:8080
COPY page.html .
ENV PAGE=page.html
RUN curl -fs "localhost:8080/$PAGE" && id -un
SETUP FILE page.sh
WORKDIR sub
RUN echo "$FROM_SETUP"; pwd
SKIP REMAINING IF REPOSITORY_OWNER=local
RUN echo never`.replace('COPY page.html .', 'COPY page.html page.sh ./'),
      'page.html': '<p>hello</p>\n',
      'page.sh': 'export FROM_SETUP="it is\'there"\n',
    },
  },
};

function skipping(mode: string): string {
  return `FROM vm/debian:12
ENV MODE=${mode}
BUILD ENV MODE
RUN echo always
SKIP REMAINING IF MODE=quick
RUN echo first
CHECKPOINT ready
RUN echo second
SPLIT 2
RUN echo "copy $SPLIT"`;
}

describe('a repository', () => {
  beforeAll(async () => void (await debianBase()));

  for (const [name, { files, ...options }] of Object.entries(stories)) {
    it(`with ${name} ends as it does natively`, async () => {
      const { repo, here } = place(files);
      const native = runNatively({ repo, here, ...options });
      const { succeeded, lines } = await runByEarthfile({ repo, here, ...options });
      expect({ succeeded, lines }).toEqual(native);
    });
  }

  it('does nothing behind a BUTTON unless it is pushed', async () => {
    const { repo, here } = place({
      Layerfile: 'FROM vm/debian:12\nRUN echo built\nBUTTON release?\nRUN echo released\n',
    });
    const target = '+main-layerfile-after-button';
    expect(await runByEarthfile({ repo, here, earth: [target] })).toMatchObject({ succeeded: true, lines: ['built'] });
  });

  it('keeps a CACHE from build to build', async () => {
    const layerfile = 'FROM vm/debian:12\nCACHE ~/.kept\nRUN echo x >> ~/.kept/runs; wc -l < ~/.kept/runs\n';
    const { repo, here } = place({ Layerfile: layerfile });
    expect(await runByEarthfile({ repo, here })).toMatchObject({ succeeded: true, lines: ['1'] });
    expect(await runByEarthfile({ repo, here })).toMatchObject({ succeeded: true, lines: ['2'] });
  });
});

function place(files: Readonly<Record<string, string>>): { readonly repo: string; readonly here: string } {
  const here = scratch();
  const repo = join(here, 'repo');
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(repo, path)), { recursive: true });
    writeFileSync(join(repo, path), content, { mode: path.endsWith('.sh') ? 0o755 : 0o644 });
  }
  return { repo, here };
}
