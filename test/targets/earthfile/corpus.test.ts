import { expect } from 'vitest';
import { describeCorpus } from '../../support/corpus.ts';
import { surroundings } from '../../support/surroundings.ts';
import { compiled, faults, textOf } from './compiled.ts';

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

describeCorpus(expected, async (text, outcome) => {
  const { found, files } = await compiled(surroundings(text));
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
