import { expect } from 'vitest';
import { describeCorpus } from '../../support/corpus.ts';
import { surroundings } from '../../support/surroundings.ts';
import { emitted, faults } from './emitted.ts';

const older = 'github/other-machine';
const exposes = 'target/emulated EXPOSE';
const repeats = 'target/emulated RUN REPEATABLE';

/** What compiling real files warns of, in order; null where their check already refuses them. */
const expected: Readonly<Record<string, readonly string[] | null>> = {
  '3Kmfi6HP+scaling-giggle': [older, exposes],
  'Aashish-32+React-Django-API': null,
  'BricksConductor+DockTemp': [older, exposes],
  'ColinChartier+AdminLTE': [older, exposes],
  'ColinChartier+goodwork': [older, 'target/emulated CHECKPOINT'],
  'ColinChartier+layer-kubernetes-example': null,
  'ColinChartier+sentry-self-hosted': [older, exposes],
  'ColinChartier+todo-app': [older, repeats, exposes],
  'ConnorMacKenzieLayer+testing': [],
  'Dart120+election__api': [older, exposes],
  'Derplord3264+CherrySMP-1.5': [older, exposes],
  'Edustartari+formula1charts': [older, exposes],
  'Famix12+HairT': [older, exposes],
  'csemanish12+ci-using-layerci': [older, exposes],
  'webappio+docker-dashboard': [older, exposes],
  'webappio+livechat-example': [older, repeats, exposes],
  'webappio+sanic': [older],
};

describeCorpus(expected, async (layerfile, warnings) => {
  const entries = surroundings(layerfile);
  for (const background of ['native', 'shell'] as const) {
    const { found, text } = await emitted(entries, { background });
    const said = found.map(({ code, message }) =>
      code === 'target/emulated' ? `${code} ${/^(RUN REPEATABLE|[A-Z]+)/.exec(message)?.[0]}` : code,
    );
    if (warnings === null) expect(text).toBe('');
    else {
      expect(said).toEqual(warnings);
      expect(await faults(text)).toEqual([]);
    }
  }
});
