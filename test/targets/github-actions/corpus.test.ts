import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { surroundings } from '../../support/surroundings.ts';
import { emitted, faults } from './emitted.ts';

const corpus = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url));

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

describe('real Layerfiles', () => {
  if (!existsSync(corpus)) {
    it('are not here (../shared/corpus)', () => console.info('no corpus to compile'));
    return;
  }

  it('are all in the table', () => {
    const files = readdirSync(corpus).filter((name) => name.endsWith('__Layerfile'));
    expect(files.map((name) => name.replace('__Layerfile', '')).sort()).toEqual(Object.keys(expected).sort());
  });

  for (const [name, warnings] of Object.entries(expected)) {
    it(name, async () => {
      const entries = surroundings(readFileSync(`${corpus}${name}__Layerfile`, 'utf8'));
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
  }
});
