import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { surroundings } from '../../support/surroundings.ts';
import { compiled, faults, textOf } from './compiled.ts';

const corpus = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url));

const expose = /nothing can answer here, since processes end with the step that started them/;

/** Which of the real files become an Earthfile, and which rule refuses the others. */
const expected: Readonly<Record<string, 'compiles' | 'wrong' | RegExp>> = {
  '3Kmfi6HP+scaling-giggle': expose,
  'Aashish-32+React-Django-API': 'wrong',
  'BricksConductor+DockTemp': 'compiles',
  'ColinChartier+AdminLTE': 'compiles',
  'ColinChartier+goodwork': 'compiles',
  'ColinChartier+layer-kubernetes-example': 'wrong',
  'ColinChartier+sentry-self-hosted': expose,
  'ColinChartier+todo-app': expose,
  'ConnorMacKenzieLayer+testing': 'compiles',
  'Dart120+election__api': 'compiles',
  'Derplord3264+CherrySMP-1.5': 'compiles',
  'Edustartari+formula1charts': 'compiles',
  'Famix12+HairT': 'compiles',
  'csemanish12+ci-using-layerci': expose,
  'webappio+docker-dashboard': 'compiles',
  'webappio+livechat-example': expose,
  'webappio+sanic': 'compiles',
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

  for (const [name, outcome] of Object.entries(expected)) {
    it(name, async () => {
      const { found, files } = await compiled(surroundings(readFileSync(`${corpus}${name}__Layerfile`, 'utf8')));
      const errors = found.filter(({ severity }) => severity === 'error');
      if (outcome === 'compiles') {
        expect(errors).toEqual([]);
        expect(faults(textOf(files))).toEqual([]);
        return;
      }
      expect(files).toBeNull();
      const refused = errors.filter(({ code }) => code === 'target/unsupported');
      if (outcome === 'wrong') expect(refused).toEqual([]);
      else expect(refused.map(({ message }) => message).join('\n')).toMatch(outcome);
    });
  }
});
