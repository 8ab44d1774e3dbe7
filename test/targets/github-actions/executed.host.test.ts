import { beforeAll, describe, expect, it } from 'vitest';
import { defaultOptions } from '../../../targets/index.ts';
import { debianBase } from '../../support/base-machine.ts';
import { startIdentity } from '../../support/workflow-executor/aws.ts';
import { ownLines, type WorkflowResult } from '../../support/workflow-executor/run-workflow.ts';
import { dockerProgram } from '../../support/workflow-executor/docker-program.ts';
import { scratch } from '../../support/scratch.ts';
import { Stage } from './stage.ts';

/** What the RUNs of a job printed, leg after leg. */
function printed({ jobs }: WorkflowResult, id: string): readonly string[] {
  return ownLines(jobs[id]?.legs ?? []);
}

function results({ jobs }: WorkflowResult): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(jobs).map(([id, { result }]) => [id, result]));
}

function everything({ jobs }: WorkflowResult): string {
  return Object.values(jobs)
    .flatMap(({ legs }) => legs.flatMap((leg) => leg.lines.map((line) => line.text)))
    .join('\n');
}

describe('an emitted workflow, executed', () => {
  beforeAll(async () => void (await debianBase()));

  it('runs commands as a machine does, and takes what it is told as text', async () => {
    const stage = new Stage({
      Layerfile: `FROM vm/ubuntu:22.04
ENV GREETING=hello PATH=/opt/bin:$PATH
ENV BOTH="$GREETING, $(echo world)" QUERY=a&b HOMEWARD=~/bin NODE_OPTIONS=--max-old-space-size=64
RUN mkdir -p /opt/bin && printf '#!/bin/sh\\necho tool\\n' > /opt/bin/tool && chmod +x /opt/bin/tool
COPY . app
WORKDIR app
SETUP FILE setup.sh
RUN false; echo "$BOTH $QUERY $HOMEWARD $NODE_OPTIONS $LEVEL $(tool)"
RUN echo one && \\
  echo 'two "quoted"' && \\
  printf '%s\\n' "\${GREETING} three"
RUN cat <<< "$PWD $USER $HOME $SHELL"; exit 0; echo never
USER www
RUN id -un; id -Gn; echo mine > made; stat -c '%a %U:%G %n' . setup.sh made
RUN env | cut -d= -f1 | grep -c -e GITHUB -e RUNNER_T -e LAYER_ -e JAVA; true
RUN echo '\${{ secrets.X }}' "$GIT_BRANCH $RUNNER_ID $SUBDOMAIN $GIT_COMMIT_TITLE $PULL_REQUEST_URL"
RUN ls -b odd
`,
      'setup.sh': 'export LEVEL=debug\n',
      'odd/a\nb $(touch x) `c`.txt': '',
    });
    const title = 'A `title` with $(touch /tmp/y) and ${{ secrets.X }}';
    const run = await stage.onGithub({
      branch: 'feat/a";curl-x|sh;"',
      title,
      event: 'pull_request',
      pullRequest: { title: '`id`', url: 'https://github.com/o/r/pull/1' },
      secrets: { X: 'canary' },
    });
    expect(printed(run, 'main-layerfile')).toEqual([
      'hello, world a&b /root/bin --max-old-space-size=64 debug tool',
      ...['one', 'two "quoted"', 'hello three'],
      '/root/app root /root /bin/bash',
      ...['www', 'www root', '775 root:root .', '664 root:root setup.sh', '644 www:www made'],
      '0',
      `\${{ secrets.X }} feat/a";curl-x|sh;" main-layerfile a--curl-x-sh ${title} https://github.com/o/r/pull/1`,
      'a\\nb\\ $(touch\\ x)\\ `c`.txt',
    ]);
    expect(results(run)).toEqual({ 'main-layerfile': 'success' });
  });

  it('splits, skips each way, and goes on with the child', async () => {
    const stage = new Stage({
      'base/Layerfile': `FROM vm/ubuntu:22.04
ENV MODE=Master
RUN echo parent
SKIP REMAINING IF GIT_BRANCH=~^(main|dev)$ AND MODE=Master
ENV LATE=yes
RUN echo "not on main: $LATE"
`,
      Layerfile: `FROM /base
RUN echo child "\${LATE-unset}"
SPLIT 2
ENV LINES="$(printf 'one\\ntwo')"
SKIP REMAINING IF MODE=master
SKIP REMAINING IF LINES=~^two$ AND LINES=~one
SKIP REMAINING IF LINES!=~^one AND LINES=~two$
RUN echo "copy $SPLIT of $SPLIT_NUM, $RUNNER_ID"
`,
    });
    const copies = (rest: readonly string[], late: string) =>
      [0, 1].flatMap((copy) => [
        ...['parent', ...rest, `child ${late}`],
        `copy ${copy} of 2, main-layerfile${copy === 0 ? '' : '-2'}`,
      ]);
    const onMain = await stage.onGithub({});
    expect(printed(onMain, 'main-layerfile')).toEqual(copies([], 'unset'));
    expect(results(onMain)).toEqual({ 'main-layerfile': 'success' });
    const onFeature = await stage.onGithub({ branch: 'Main' });
    expect(printed(onFeature, 'main-layerfile')).toEqual(copies(['not on main: yes'], 'yes'));
  });

  it.each(['native', 'shell'] as const)('keeps a server up and ends it (%s)', async (background) => {
    const stage = new Stage({
      Layerfile: `FROM vm/ubuntu:22.04
COPY page /srv/page
WORKDIR /srv
RUN BACKGROUND sleep 1; exec python3 -m http.server 8080
EXPOSE WEBSITE localhost:8080
RUN curl -fs localhost:8080/page "http://$EXPOSE_WEBSITE_HOST/page"
`,
      page: 'hello\n',
      'bad/Layerfile': 'FROM vm/ubuntu:22.04\nRUN BACKGROUND exit 3\nRUN echo never\n',
      'fine/Layerfile': 'FROM vm/ubuntu:22.04\nRUN BACKGROUND true\nRUN echo on\n',
    });
    const options = { ...defaultOptions, github: { ...defaultOptions.github, background } };
    const run = await stage.onGithub({ options });
    expect(results(run)).toEqual({ 'main-layerfile': 'success', bad: 'failure', fine: 'success' });
    expect(printed(run, 'main-layerfile').filter((line) => line === 'hello')).toHaveLength(2);
    expect(run.jobs['main-layerfile']?.legs[0]?.summary).toContain('http://localhost:8080/');
    expect(printed(run, 'bad')).not.toContain('never');
    expect(printed(run, 'fine')).toContain('on');
  });

  it('shows several websites under one port, each at its path', async () => {
    const stage = new Stage({
      Layerfile: `FROM vm/ubuntu:22.04
COPY site /srv
WORKDIR /srv
RUN BACKGROUND exec python3 -m http.server --directory front 8080
RUN BACKGROUND exec python3 -m http.server --directory api 8081
EXPOSE WEBSITE localhost:8080
ENV PORT=8081
EXPOSE WEBSITE localhost:$PORT /api /v1
EXPOSE TCP 15432 8081
SPLIT 2
EXPOSE WEBSITE 8080 /copy$SPLIT /
RUN for at in front.txt api/back.txt api/none copy$SPLIT/front.txt; do curl -s -w ' %{http_code}\\n' -o - "http://$EXPOSE_WEBSITE_HOST/$at" | tail -n 1; done
`,
      'site/front/front.txt': 'the front',
      'site/api/v1/back.txt': 'the back',
    });
    const run = await stage.onGithub({});
    expect(results(run)).toEqual({ 'main-layerfile': 'success' });
    const answers = ['the front 200', 'the back 200', ' 404', 'the front 200'];
    const said = printed(run, 'main-layerfile').filter((line) => / \d{3}$/.test(line));
    expect(said.map((line) => line.replace(/^<.*> /, ' '))).toEqual([...answers, ...answers]);
    const summary = run.jobs['main-layerfile']?.legs[1]?.summary ?? '';
    expect(summary).toContain('`http://localhost:8081/v1` answered');
    expect(summary).toContain('`http://localhost:7080/api`');
    expect(summary).toContain('`tcp://localhost:8081` answered');
  });

  it('takes what .layerignore leaves out for not there', async () => {
    const stage = new Stage({
      Layerfile: `FROM vm/debian:12\nCOPY . .\nRUN find . -mindepth 1 | sort\n`,
      '.layerignore': '*.log\n!keep.log\n/docs/\nnode_modules\n.github\n"a b"\n',
      'keep.log': '',
      'drop.log': '',
      'docs/page.md': '',
      'web/docs/page.md': '',
      'web/node_modules/x/index.js': '',
      'a\nb.log': '',
    });
    const native = stage.natively();
    const copied = native.events
      .filter(({ kind }) => kind === 'stepOutput')
      .map(({ text = '' }) => text)
      .join('');
    const run = await stage.onGithub({});
    expect(printed(run, 'main-layerfile')).toEqual(copied.trimEnd().split('\n'));
    expect(copied.split('\n')).toContain('./web/docs/page.md');
  });

  it('asks AWS for the credentials of a role, hides them, and keeps them from the steps above', async () => {
    const role = {
      arn: 'arn:aws:iam::123456789012:role/layer',
      accessKeyId: 'ASIACANARY0000',
      secretAccessKey: 'canary/161803398874989',
      sessionToken: 'canary-session-271828',
    };
    await using identity = await startIdentity(role);
    const stage = new Stage({
      'base/Layerfile':
        'FROM vm/debian:12\nRUN echo "before ${AWS_ACCESS_KEY_ID-unset}"\nAWS link --region=eu-west-1\nRUN echo "$AWS_REGION $AWS_DEFAULT_REGION"\n',
      Layerfile: `FROM /base
RUN echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN"; echo -n "$AWS_SECRET_ACCESS_KEY" | wc -c
BUTTON on?
RUN echo -n "$AWS_SESSION_TOKEN" | wc -c
`,
    });
    const environments = { 'layer-main-layerfile': { reviewers: 1, decision: 'approve' as const } };
    const run = await stage.onGithub({ identity, environments, vars: { AWS_ROLE_ARN: role.arn } });
    const above = ['before unset', 'eu-west-1 eu-west-1'];
    expect(printed(run, 'main-layerfile')).toEqual([...above, '*** *** ***', '22']);
    expect(printed(run, 'main-layerfile-after-button')).toEqual([...above, '21']);
    expect(everything(run)).not.toContain('canary');
    expect(identity.asked.filter((one) => one.startsWith('GET /token'))).toHaveLength(2);
    const unnamed = await stage.onGithub({ identity });
    expect(results(unnamed)).toMatchObject({ 'main-layerfile': 'failure' });
    expect(everything(unnamed)).toContain('Could not load credentials');
  });

  it("keeps the layers of images that RUN REPEATABLE builds in GitHub's cache", async () => {
    // What a hosted runner's Docker does with the caches of a build, as far as a file shows it.
    const docker = `#!/bin/bash
case "$1 $2" in
  'buildx inspect') test -e /run/builder ;;
  'buildx create') touch /run/builder ;;
  'buildx build')
    for word in "$@"; do case "$word" in type=local,src=*) from=\${word#*src=} ;; type=local,dest=*) to=\${word#*dest=} to=\${to%%,*} ;; esac; done
    if [ -e "$from/layers" ]; then echo "cached: $(cat "$from/layers")"; fi
    mkdir -p "$to" && echo "built \${*: -1}" >"$to/layers"
    echo "\${*: -3}"
    ;;
  *) echo "docker $*" ;;
esac
`;
    const stage = new Stage({
      Layerfile: `FROM vm/ubuntu:22.04
RUN REPEATABLE docker build -t app one && (cd /srv && docker buildx build -t "app 2" --push two) && docker push app
RUN docker build -t plain .
`,
    });
    const first = await stage.onGithub({ programs: { docker } });
    const said = ['-t app one', 'app 2 --push two', 'docker push app', 'docker build -t plain .'];
    expect(printed(first, 'main-layerfile')).toEqual(said);
    const [one = '', two = '', ...rest] = said;
    const second = await stage.onGithub({ programs: { docker } });
    expect(printed(second, 'main-layerfile')).toEqual(['cached: built one', one, 'cached: built two', two, ...rest]);
  });

  const button = {
    'base/Layerfile': 'FROM vm/ubuntu:22.04\nRUN echo parent >> /opt/parent\n',
    Layerfile: `FROM /base
ENV KEPT="a 'quoted' value"
USER www
WORKDIR /srv/app
COPY notes .
RUN echo made > made && chmod 750 made && echo before
SKIP REMAINING IF GIT_BRANCH=wip
BUTTON deploy to production?
RUN echo "$KEPT $USER"; stat -c '%a %U %n' made notes; cat made /opt/parent; test -e __layer_state || pwd
`,
    notes: 'notes\n',
    'after/Layerfile': 'FROM vm/ubuntu:22.04\nWAIT /\nRUN echo deployed\n',
  };
  const behind = 'main-layerfile-after-button';
  const guard = 'main-layerfile-guard';

  it('asks a person at a BUTTON and hands the files over', async () => {
    const stage = new Stage(button);
    const environments = { 'layer-main-layerfile': { reviewers: 1, decision: 'approve' as const } };
    const run = await stage.onGithub({ environments });
    expect(results(run)).toEqual({
      'main-layerfile': 'success',
      [guard]: 'success',
      [behind]: 'success',
      after: 'success',
    });
    expect(printed(run, 'main-layerfile')).toEqual(['before']);
    expect(printed(run, behind)).toEqual([
      ...["a 'quoted' value www", '750 www made', '664 root notes'],
      ...['made', 'parent', '/srv/app'],
    ]);
  });

  it('stops at a BUTTON that nobody would press, or that somebody refuses, and passes it where the rest is skipped', async () => {
    const stage = new Stage(button);
    const unguarded = await stage.onGithub({});
    expect(results(unguarded)).toEqual({
      'main-layerfile': 'success',
      [guard]: 'failure',
      [behind]: 'skipped',
      after: 'skipped',
    });
    const refused = await stage.onGithub({
      environments: { 'layer-main-layerfile': { reviewers: 2, decision: 'reject' } },
    });
    expect(results(refused)).toEqual({
      'main-layerfile': 'success',
      [guard]: 'success',
      [behind]: 'failure',
      after: 'skipped',
    });
    const skipped = await stage.onGithub({ branch: 'wip' });
    expect(results(skipped)).toEqual({
      'main-layerfile': 'success',
      [guard]: 'skipped',
      [behind]: 'skipped',
      after: 'success',
    });
  });

  it('keeps what lies in a CACHE path, root-owned files too, from run to run', async () => {
    const stage = new Stage({
      Layerfile: `FROM vm/ubuntu:22.04
CACHE ~/.cache /var/lib/tool/state
RUN mkdir -p ~/.cache/private && chmod 700 ~/.cache/private && echo run >> ~/.cache/private/runs && cat ~/.cache/private/runs
RUN mkdir -p /var/lib/tool && echo state >> /var/lib/tool/state && wc -l < /var/lib/tool/state; stat -c '%a %U' ~/.cache/private
`,
    });
    expect(printed(await stage.onGithub({}), 'main-layerfile')).toEqual(['run', '1', '700 root']);
    expect(printed(await stage.onGithub({}), 'main-layerfile')).toEqual(['run', 'run', '2', '700 root']);
    stage.edit('Layerfile', (text) => `${text}RUN false\n`);
    expect(printed(await stage.onGithub({}), 'main-layerfile')).toEqual(['run', 'run', 'run', '3', '700 root']);
    stage.edit('Layerfile', (text) => text.replace('RUN false\n', ''));
    expect(printed(await stage.onGithub({}), 'main-layerfile')).toEqual(['run', 'run', 'run', '3', '700 root']);
  });

  it('waits for others, and stays away where one has failed; the one check says so', async () => {
    const stage = new Stage({
      Layerfile: 'FROM vm/ubuntu:22.04\nWAIT api web\nLABEL status=merge\nRUN echo deploying\n',
      'api/Layerfile': 'FROM vm/ubuntu:22.04\nCOPY status .\nRUN exit $(cat status)\n',
      'api/status': '4\n',
      'web/Layerfile': 'FROM vm/ubuntu:22.04\nLABEL status=merge\nRUN echo web\n',
    });
    const failed = await stage.onGithub({});
    expect(results(failed)).toEqual({
      ...{ api: 'failure', web: 'success', 'main-layerfile': 'skipped' },
      ...{ 'main-layerfile-merge': 'failure', 'web-merge': 'success' },
    });
    stage.write('api/status', '0\n');
    const passed = await stage.onGithub({});
    expect(results(passed)['main-layerfile-merge']).toBe('success');
    expect(printed(passed, 'main-layerfile')).toEqual(['deploying']);
  });

  it('hides secrets, keeps them out of what it writes, and stops where one is missing', async () => {
    const stage = new Stage({
      Layerfile: `FROM vm/ubuntu:22.04
RUN echo "before: \${TOKEN-unset}"
SECRET ENV TOKEN GITHUB_ODD
ENV HEADER="Bearer $TOKEN"
RUN echo "$HEADER $GITHUB_ODD"; echo "$TOKEN" | base64; echo -n "$HEADER" | wc -c
RUN ! grep -rs canary-31415926""53 /run /var/lib/layer /home/runner/work/_temp /proc/[0-9]*/cmdline
`,
    });
    const secrets = { TOKEN: 'canary-3141592653', LAYER_GITHUB_ODD: 'odd-secret' };
    const run = await stage.onGithub({ secrets });
    expect(results(run)).toEqual({ 'main-layerfile': 'success' });
    expect(printed(run, 'main-layerfile')).toEqual(['before: unset', 'Bearer *** ***', '***MK', '24']);
    expect(everything(run)).not.toContain('canary');
    const without = await stage.onGithub({});
    expect(results(without)).toEqual({ 'main-layerfile': 'failure' });
    expect(everything(without)).toContain('the secret TOKEN has no value here');
  });

  it('runs parents once where their files are handed on', async () => {
    const stage = new Stage({
      Layerfile:
        'FROM vm/ubuntu:22.04\nENV STAGE=base\nRUN echo $RANDOM > /opt/number && useradd -m tester\nWORKDIR /srv\n',
      'a/Layerfile': 'FROM /\nUSER tester\nRUN cat /opt/number; echo $STAGE $PWD $HOME\n',
      'b/Layerfile': 'FROM /\nRUN cat /opt/number\n',
    });
    const options = { ...defaultOptions, github: { ...defaultOptions.github, inherit: 'artifact' as const } };
    const run = await stage.onGithub({ options });
    expect(results(run)).toEqual({ 'main-layerfile': 'success', a: 'success', b: 'success' });
    const [number, rest] = printed(run, 'a');
    expect(rest).toBe('base /srv /home/tester');
    expect(printed(run, 'b')).toEqual([number]);
  });

  it('starts from an image of the parents as long as nothing that they copy changes', async () => {
    const stage = new Stage({
      'base/Layerfile': `FROM vm/debian:12
ENV STAGE=base
COPY packages .
CACHE ~/.cache
RUN echo $RANDOM$RANDOM > /opt/number && useradd -m tester && cat packages
WORKDIR /srv
SKIP REMAINING IF GIT_BRANCH=main
ENV STAGE=other
`,
      'base/packages': 'packages\n',
      'a/Layerfile': 'FROM /base\nCOPY . .\nUSER tester\nRUN cat /opt/number; echo $STAGE $PWD $HOME; ls\n',
      'b/Layerfile': 'FROM /base\nRUN cat /opt/number; echo $STAGE\n',
    });
    const registry = scratch();
    const options = { ...defaultOptions, github: { ...defaultOptions.github, inherit: 'image' as const } };
    const common = { options, registry, programs: { docker: dockerProgram } };
    const outcome = (run: WorkflowResult): string => ['base', 'base-image'].map((id) => results(run)[id]).join(' ');
    const first = await stage.onGithub(common);
    expect(outcome(first), everything(first)).toBe('success success');
    expect(printed(first, 'base')).toEqual(['packages']);
    const [number = '', ...rest] = printed(first, 'a');
    expect(number).toMatch(/^\d+$/);
    expect(rest).toEqual(['base /srv /home/tester', 'Layerfile']);
    expect(printed(first, 'b')).toEqual([number, 'base']);

    // A pull request uses what is there, and pushes nothing.
    stage.edit('a/Layerfile', (text) => `${text}RUN echo on\n`);
    const request = await stage.onGithub({ ...common, event: 'pull_request', branch: 'topic' });
    expect(outcome(request)).toBe('skipped skipped');
    expect(printed(request, 'a')).toEqual([number, ...rest, 'on']);
    stage.write('base/packages', 'more packages\n');
    const changed = await stage.onGithub({ ...common, event: 'pull_request', branch: 'topic' });
    expect(outcome(changed)).toBe('skipped skipped');
    const inlined = printed(changed, 'a');
    expect(inlined[0]).toBe('more packages');
    expect(inlined[1]).not.toBe(number);
    expect(inlined[2]).toBe('other /srv /home/tester');

    stage.edit('base/Layerfile', (text) => `${text}RUN exit 3\n`);
    const failed = await stage.onGithub({ ...common, branch: 'topic' });
    expect(results(failed)).toMatchObject({ base: 'failure', 'base-image': 'skipped', a: 'skipped' });
  });
});
