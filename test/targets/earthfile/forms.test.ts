import { describe, expect, it } from 'vitest';
import { compiled, faults, textOf } from './compiled.ts';

const pipeline = `FROM vm/debian:12
SECRET ENV TOKEN
CACHE ~/.npm
COPY package.json package-lock.json ./
BUILD ENV GIT_BRANCH
RUN npm ci
CHECKPOINT installed
RUN REPEATABLE docker build -t app .
RUN REPEATABLE make
SKIP REMAINING IF GIT_BRANCH=~"^wip/"
SPLIT 2
WAIT /lint
RUN ./test "$SPLIT"
AWS link --region=us-east-1
BUTTON release?
RUN ./release`;

const served = `FROM vm/debian:12
WORKDIR /srv
COPY page.html .
RUN BACKGROUND ./serve --port 8080
EXPOSE WEBSITE localhost:8080
USER tester
RUN ./probe 'it'"'"'s'`;

describe('an Earthfile', () => {
  it('has a target for each stretch of a Layerfile', async () => {
    const { files } = await compiled({
      Layerfile: pipeline,
      'package.json': '',
      'package-lock.json': '',
      'lint/Layerfile': 'FROM /base\nRUN lint\n',
      'base/Layerfile': 'FROM vm/debian:12\n',
    });
    const text = textOf(files);
    expect(faults(text)).toEqual([]);
    expect(text).toMatchInlineSnapshot(`
      "# Compiled from Layerfiles by \`layer compile --target earthfile\`; change those, not this. Build it by \`bash .earth/build\`.
      # sources: sha256:58b0f07e2ba682b98f0132b171bb727fe3274aaacbd049f56d099ac2acdad777
      VERSION --docker-cache --run-with-aws 0.8

      # /base/Layerfile
      base-2:
          FROM debian:12
          COPY .earth/sh .earth/layer-sh /layer/
          RUN /bin/bash /layer/sh prepare bash ca-certificates curl wget git sudo procps iproute2 gnupg lsb-release python3 unzip
          ENV RUNNER_ID="base"

      # /lint/Layerfile
      lint:
          FROM +base-2
          ENV RUNNER_ID="lint"
          # lint/Layerfile:2 RUN lint
          RUN --secret LAYER_RUN /layer/sh run 'lint'

      # /Layerfile, up to CHECKPOINT installed
      main-layerfile-installed:
          FROM debian:12
          COPY .earth/sh .earth/layer-sh /layer/
          RUN /bin/bash /layer/sh prepare bash ca-certificates curl wget git sudo procps iproute2 gnupg lsb-release python3 unzip
          ENV RUNNER_ID="main-layerfile"
          # Layerfile:2 SECRET ENV TOKEN
          ENV LAYER_SECRETS="TOKEN"
          # Layerfile:3 CACHE ~/.npm
          CACHE --sharing=shared --chmod=0777 --id=layer-root-npm-52553d98 /root/.npm
          # Layerfile:4 COPY package.json package-lock.json ./
          COPY --dir package.json package-lock.json /root/
          # Layerfile:5 BUILD ENV GIT_BRANCH
          ARG GIT_BRANCH
          # Layerfile:6 RUN npm ci
          RUN --secret LAYER_RUN --secret TOKEN /layer/sh run 'npm ci'

      # /Layerfile, from the CHECKPOINT on
      main-layerfile:
          FROM +main-layerfile-installed
          ARG GIT_BRANCH
          CACHE --sharing=shared --chmod=0777 --id=layer-root-npm-52553d98 /root/.npm
          # Layerfile:8 RUN REPEATABLE docker build -t app .
          WITH DOCKER --cache-id=layer-main-layerfile
              RUN --secret LAYER_RUN --secret TOKEN /layer/sh run 'docker build -t app .'
          END
          # Layerfile:9 RUN REPEATABLE make
          RUN --secret LAYER_RUN --secret TOKEN /layer/sh run 'make'
          # Layerfile:10 SKIP REMAINING IF GIT_BRANCH=~"^wip/"
          LET skip="0"
          IF --no-cache --secret LAYER_RUN --secret TOKEN /layer/sh holds GIT_BRANCH '=~' '^wip/'
              SET skip="1"
              RUN touch /layer/skipped-main-layerfile
          END

      # /Layerfile, each copy
      main-layerfile-split:
          ARG --required SPLIT
          FROM +main-layerfile
          ENV LAYER_RUNNERS="main-layerfile main-layerfile-2"
          ARG GIT_BRANCH
          CACHE --sharing=shared --chmod=0777 --id=layer-root-npm-52553d98 /root/.npm
          IF [ ! -e /layer/skipped-main-layerfile ]
              # Layerfile:11 SPLIT 2
              ENV SPLIT_NUM="2"
              # Layerfile:12 WAIT /lint
              WAIT
                  BUILD +lint
              END
              # Layerfile:13 RUN ./test "$SPLIT"
              RUN --secret LAYER_RUN --secret TOKEN /layer/sh run './test "$SPLIT"'
              # Layerfile:14 AWS link --region=us-east-1
              ENV AWS_REGION="us-east-1"
              ENV AWS_DEFAULT_REGION="us-east-1"
              RUN --secret LAYER_RUN --secret TOKEN /layer/sh aws
          END

      # /Layerfile, after the BUTTON: runs only with --push
      main-layerfile-after-button:
          ARG --required SPLIT
          FROM +main-layerfile-split --SPLIT=$SPLIT
          ARG GIT_BRANCH
          CACHE --sharing=shared --chmod=0777 --id=layer-root-npm-52553d98 /root/.npm
          IF [ ! -e /layer/skipped-main-layerfile ]
              # Layerfile:16 RUN ./release
              RUN --push --no-cache --aws --secret LAYER_RUN --secret TOKEN /layer/sh run './release'
          END

      # /Layerfile, all copies
      main-layerfile-all:
          BUILD +main-layerfile-split --SPLIT=0
          BUILD +main-layerfile-split --SPLIT=1

      # /Layerfile, all copies after the BUTTON: runs only with --push
      main-layerfile-after-button-all:
          BUILD +main-layerfile-after-button --SPLIT=0
          BUILD +main-layerfile-after-button --SPLIT=1

      # Every Layerfile.
      all:
          BUILD +base-2
          BUILD +lint
          BUILD +main-layerfile-all
      "
    `);
    expect(textOf(files, '.earth/build').match(/^(arguments|secrets|options)=.*$/gm)).toEqual([
      'arguments=(GIT_BRANCH)',
      'secrets=(TOKEN)',
      'options=(--allow-privileged)',
    ]);
  });

  it('has one RUN for what needs something running, and a script for it', async () => {
    const { files } = await compiled({ Layerfile: served, 'page.html': '' });
    expect(faults(textOf(files))).toEqual([]);
    expect(textOf(files)).toMatchInlineSnapshot(`
      "# Compiled from Layerfiles by \`layer compile --target earthfile\`; change those, not this. Build it by \`bash .earth/build\`.
      # sources: sha256:2a299e9bf90322fd407a8097e967efa1765b66640b40909d2f4c58f9068f0aff
      VERSION 0.8

      # /Layerfile
      main-layerfile:
          FROM debian:12
          COPY .earth/sh .earth/layer-sh /layer/
          RUN /bin/bash /layer/sh prepare bash ca-certificates curl wget git sudo procps iproute2 gnupg lsb-release python3 unzip
          ENV RUNNER_ID="main-layerfile"
          # Layerfile:2 WORKDIR /srv
          RUN --secret LAYER_RUN /layer/sh workdir /srv
          WORKDIR /srv
          # Layerfile:3 COPY page.html .
          COPY --dir page.html /layer/repo/
          RUN --secret LAYER_RUN /layer/sh copy '' '' . page.html
          # Layerfile:4 RUN BACKGROUND ./serve --port 8080
          COPY .earth/main-layerfile.1.sh /layer/main-layerfile.1.sh
          RUN --secret LAYER_RUN /bin/bash /layer/main-layerfile.1.sh
          EXPOSE 8080

      # Every Layerfile.
      all:
          BUILD +main-layerfile
      "
    `);
    expect(textOf(files, '.earth/main-layerfile.1.sh')).toMatchInlineSnapshot(`
      "#!/bin/bash
      # Layerfile: from RUN BACKGROUND on
      set -eu
      running=()
      layer() { /layer/sh "$@"; }
      finish() {
        status=$?
        trap - EXIT
        for one in "\${running[@]}"; do layer background-stop "$one" || true; done
        exit "$status"
      }
      trap finish EXIT

      # RUN BACKGROUND ./serve --port 8080
      running+=(background-1)
      layer start background-1 './serve --port 8080'

      # EXPOSE WEBSITE localhost:8080
      layer expose website http 8080 /

      # USER tester
      layer user tester

      # RUN ./probe 'it'"'"'s'
      layer run './probe '\\''it'\\''"'\\''"'\\''s'\\'''
      "
    `);
  });

  it('never takes what this tool keeps, and git only where a COPY names it', async () => {
    const plain = await compiled({ Layerfile: 'FROM vm/debian:12\nCOPY . .\n' });
    expect(textOf(plain.files, '.earthlyignore')).toMatch(/^#.*\n\.git\n\*\*\/\.git\n\.layer\n$/);
    const named = await compiled({ Layerfile: 'FROM vm/debian:12\nCOPY .git /git\n', '.git/HEAD': '' });
    expect(textOf(named.files, '.earthlyignore')).not.toContain('.git');
  });
});

const refusals: readonly (readonly [what: string, files: Readonly<Record<string, string>>, why: RegExp])[] = [
  ['EXPOSE with nothing running', { Layerfile: 'FROM vm/debian:12\nEXPOSE TCP 80\n' }, /start it with RUN BACKGROUND/],
  [
    'a child of what runs in the background',
    { Layerfile: 'FROM vm/debian:12\nRUN BACKGROUND x\n', 'a/Layerfile': 'FROM /\n' },
    /would not find it running/,
  ],
  [
    'SPLIT with something running',
    { Layerfile: 'FROM vm/debian:12\nRUN BACKGROUND x\nSPLIT 2\n' },
    /copies would find nothing/,
  ],
  [
    'BUTTON with something running',
    { Layerfile: 'FROM vm/debian:12\nRUN BACKGROUND x\nBUTTON y\n' },
    /what stands below it/,
  ],
  [
    'a child of what asks',
    { Layerfile: 'FROM vm/debian:12\nBUTTON y\nRUN z\n', 'a/Layerfile': 'FROM /\n' },
    /would not wait for it to be pressed/,
  ],
  [
    'who waits for what asks',
    { Layerfile: 'FROM vm/debian:12\nBUTTON y\n', 'a/Layerfile': 'FROM vm/debian:12\nWAIT /\n' },
    /would not wait for it to be pressed/,
  ],
  ['a CACHE that a variable names', { Layerfile: 'FROM vm/debian:12\nENV A=$(b)\nCACHE $A\n' }, /a fixed one/],
];

describe('is refused', () => {
  it.each(refusals)('%s', async (_what, entries, why) => {
    const { found, files } = await compiled(entries);
    expect(files).toBeNull();
    expect(found.filter(({ severity }) => severity === 'error').map(({ message }) => message)).toEqual([
      expect.stringMatching(why),
    ]);
  });
});
