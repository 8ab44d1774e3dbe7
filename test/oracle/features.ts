import { Random } from './random.ts';
import { aDirectory, aPath, indexer, keeper, linter, maker, type Place } from './steps.ts';

/** What a Layerfile can have beside COPY, RUN, ENV, WORKDIR, SETUP FILE and CHECKPOINT, each the kind of step that keeps or carries something over. */
export const features = [
  'cache',
  'repeatable',
  'background',
  'server',
  'clone',
  'user',
  'secret',
  'build env',
  'skip',
  'button',
  'failing',
  'git',
] as const;
export type Feature = (typeof features)[number];

/** Every round sets these to one of a few values, or not at all. */
export const variable = 'PULL_REQUEST_URL';
export const secret = 'TOKEN';

/** Stands in Layerfiles where the directory of the repositories that they clone is put in. */
export const elsewhere = '@ELSEWHERE@';

/** A cached path that tools of the trial look at; the port its server listens on is the trial's own as well. */
export interface Stage extends Place {
  readonly seed: number;
  /** The next number of a file in /out. */
  readonly number: () => number;
}

/** The instructions of a feature, to stand together in a Layerfile. */
export function featureSteps(random: Random, feature: Feature, stage: Stage): readonly string[] {
  const { at, seed, number } = stage;
  const path = (): string => aPath(random, stage);
  switch (feature) {
    case 'cache': {
      const cache = `/cache${seed}`;
      const tool = random.pick([linter, maker, keeper, indexer])(cache);
      return [`CACHE ${cache}`, `RUN ${tool}`, ...(random.chance(0.3) ? [`RUN ${tool} # again`] : [])];
    }
    case 'repeatable':
      return [`RUN REPEATABLE ${maker('/objects')}`];
    case 'background': {
      const ask = (): string =>
        `RUN rm -f /tmp/answer; until [ -p /tmp/ask ]; do sleep 0.02; done; printf '%s\\0' ${path()} > /tmp/ask; until [ -e /tmp/answer ]; do sleep 0.02; done; mv /tmp/answer /out/${number()}`;
      return [
        'RUN BACKGROUND mkfifo /tmp/ask 2> /dev/null; while :; do IFS= read -r -d "" path < /tmp/ask && { cat "$path" > /tmp/part 2>&1; mv /tmp/part /tmp/answer; }; done',
        ...(random.chance(0.5) ? [ask(), ask()] : [ask()]),
      ];
    }
    case 'server': {
      const address = `localhost:${8000 + (seed % 1000)}`;
      const get = (): string =>
        `RUN curl -s --retry 60 --retry-connrefused --retry-delay 1 http://${address}/${random.pick(['a', 'b', 'dir/', 'link', 'other/a', 'c.txt', 'd.txt', ''])} > /out/${number()} 2> /dev/null; true`;
      return [
        `RUN BACKGROUND exec python3 -m http.server ${8000 + (seed % 1000)} --directory /w 2> /dev/null`,
        ...(random.chance(0.5) ? [`EXPOSE WEBSITE ${address}`] : []),
        get(),
        ...(random.chance(0.5) ? [get()] : []),
      ];
    }
    case 'clone': {
      const from = `file://${elsewhere}/${at.slice(1)}`;
      return [
        random.pick([
          `CLONE ${from} /c`,
          `CLONE ${from} /c`,
          `CLONE ${from} DEFAULT=stable /c`,
          `CLONE ${from} dir a /c/`,
          `CLONE ${from} /dir /w/sub`,
          `CLONE ${from} *.txt /c/`,
          `CLONE ${from} /w`,
        ]),
        `RUN ( cat /c/a; ls -A ${aDirectory(random, stage)} | sort ) > /out/${number()} 2>&1; true`,
      ];
    }
    case 'user': {
      const name = random.pick(['somebody', 'www', 'some-body_2']);
      const lines = [
        `USER ${name}`,
        `RUN ( id; cat ${path()}; touch ${path()}; mkdir ${path()} ) > /out/${number()} 2>&1; true`,
      ];
      return random.chance(0.7) ? [...lines, 'USER root'] : lines;
    }
    case 'secret':
      return random.pick([
        [`SECRET ENV ${secret}`, `BUILD ENV ${secret}`, `RUN printf %s "$${secret}" | md5sum > /out/${number()}`],
        [
          `SECRET ENV ${secret}`,
          `ENV HEADER="Bearer $${secret}"`,
          'BUILD ENV HEADER',
          `RUN printf %s "$HEADER" | md5sum > /out/${number()}; echo "$HEADER"`,
        ],
      ]);
    case 'build env':
      return [`BUILD ENV ${variable}`, `RUN echo "\${${variable}-unset}" > /out/${number()}; cat ${path()} || true`];
    case 'skip':
      return [
        random.pick([
          `SKIP REMAINING IF ${variable}=1`,
          `SKIP REMAINING IF ${variable}!=1`,
          `SKIP REMAINING IF ${variable} =~ ^[12]?$ AND ${variable} != 2`,
        ]),
      ];
    case 'button':
      return ['BUTTON go on?'];
    case 'failing':
      return [
        random.pick([
          `RUN [ -e ${path()} ] || [ ! -x ${path()} ]`,
          `RUN grep -q 2 ${path()}; [ $? -lt 2 ] || exit 3`,
          `RUN cat ${path()} && echo read`,
          `RUN test ! -L ${path()} || kill -TERM $$`,
        ]),
      ];
    case 'git':
      return random.pick([
        [
          'COPY /.git /g/.git',
          `RUN git --git-dir=/g/.git log -1 --format="%T %s" > /out/${number()} 2>&1; git --git-dir=/g/.git branch --show-current >> /out/git 2>&1; true`,
        ],
        [
          'COPY / /r',
          'COPY /.git /r/.git',
          `RUN git -C /r status --porcelain -- ${at.slice(1)} > /out/${number()} 2>&1; git -C /r diff --stat -- ${at.slice(1)} > /out/${number()} 2>&1; true`,
          ...(random.chance(0.5)
            ? [`RUN git -C /r status --short -- ${at.slice(1)} > /out/${number()} 2>&1; true`]
            : []),
        ],
      ]);
  }
}
