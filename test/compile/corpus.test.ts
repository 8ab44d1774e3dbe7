import { expect } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import { describeCorpus } from '../support/corpus.ts';
import { MemoryRepo } from '../support/memory-repo.ts';
import { surroundings } from '../support/surroundings.ts';

/** The exact codes that `layer check` finds in real files, in order. Informations are among them. */
const expected: Readonly<Record<string, readonly string[]>> = {
  '3Kmfi6HP+scaling-giggle': ['lint/work-after-secret', 'lint/own-machine'],
  'Aashish-32+React-Django-API': ['syntax/unknown-instruction', 'syntax/unknown-instruction'],
  'BricksConductor+DockTemp': [],
  'ColinChartier+AdminLTE': [],
  'ColinChartier+goodwork': ['lint/bare-base', 'lint/directory-among-sources', 'lint/ampersand'],
  'ColinChartier+layer-kubernetes-example': ['from/unresolved', 'lint/own-machine'],
  'ColinChartier+sentry-self-hosted': ['lint/own-machine'],
  'ColinChartier+todo-app': ['lint/late-memory', 'lint/own-machine'],
  'ConnorMacKenzieLayer+testing': [],
  'Dart120+election__api': [],
  'Derplord3264+CherrySMP-1.5': [],
  'Edustartari+formula1charts': ['lint/late-memory'],
  'Famix12+HairT': ['lint/late-memory'],
  'csemanish12+ci-using-layerci': ['lint/own-machine', 'lint/docker-terminal'],
  'webappio+docker-dashboard': ['lint/late-memory'],
  'webappio+livechat-example': ['lint/own-machine'],
  'webappio+sanic': [],
};

describeCorpus(expected, async (text, codes) => {
  const { diagnostics, plan } = await compile(new MemoryRepo(surroundings(text)));
  expect(diagnostics.map(({ code }) => code)).toEqual(codes);
  expect(plan === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
});
