import type { Scenario } from './scenario.ts';
import { indexer, language } from './scenarios/language.ts';
import { play } from './stage.ts';

const names = ['cache-saved-while-it-waited', 'cache-below-what-was-looked-at'];

/** Where the kernel of a machine has seen times of directories before it was kept, and steps have written into some. */
const directories = ['/w', '/w/d', '/w/written', '/w/kept/in', '/w/twice/inner'];
const kept: Scenario = {
  rows: ['H38', 'H52'],
  name: 'directories-that-a-kept-machine-knows',
  files: { a: '1\n', 'd/b': '', 'written/b': '', 'kept/in/b': '', 'more/inner/b': '', 'unread/b': '' },
  steps: [
    'COPY . /w',
    'COPY more /w/twice',
    'COPY more /w/twice',
    'CACHE /index /w/kept',
    `RUN cat /w/a; stat -c %Y ${directories.join(' ')} /w/unread | uniq | wc -l; echo > /w/written/made; touch -d @1000000000 /w /w/written`,
    'CHECKPOINT',
    `RUN cat /w/d/b; ${indexer('/index', ...directories.slice(1))}; ${indexer('/w/kept', '/w/kept/in')}; ${indexer('/index', '/w')}`,
  ],
  prints: 'b\nb made\nb\nb\nb\nLayerfile a d kept more twice unread written\n',
  edits: [
    { put: { 'unread/new': '' }, reruns: null },
    {
      put: { 'd/new': '', 'written/new': '', 'kept/in/new': '', 'more/inner/new': '', new: '' },
      ...{ reruns: 'RUN cat /w/d/b', because: /listing/ },
      prints: 'b new\nb made new\nb new\nb new\nb new\nLayerfile a d kept more new twice unread written\n',
    },
    // Back to what there was at first: the index knows more, and is newer. What CACHE has of the repository stays.
    {
      shell: 'rm d/new written/new kept/in/new more/inner/new new; echo other > d/b',
      ...{ reruns: 'RUN cat /w/d/b', because: /(listing|d\/b)/ },
      prints: 'other\nb\nb made\nb new\nb\nb new\nLayerfile a d kept more twice unread written\n',
    },
  ],
};

play(
  'CACHE, and what machines that go on with their memory know of directories',
  [kept, ...language.filter(({ name }) => names.includes(name))],
  'vm',
);
