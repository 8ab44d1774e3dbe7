import { language } from './scenarios/language.ts';
import { play } from './stage.ts';

/** What a machine that goes on with its memory could show otherwise than one that is put together of layers. */
const names = ['repeatable-after-a-revert', 'repeatable-and-a-tool-that-trusts-times-of-directories'];

play(
  'steps that go on from what they left, on virtual machines',
  language.filter(({ name }) => names.includes(name)),
  { args: ['--driver=vm'] },
);

play(
  'names in a directory that a COPY is mounted at, beside CACHE, on virtual machines',
  [
    {
      rows: ['H52'],
      name: 'stat-of-where-a-copy-is-mounted',
      files: { 'd/b': 'b\n' },
      steps: ['COPY d /w/d', 'CACHE /kept', 'RUN stat -c %Y /w/d > /dev/null; cat /w/d/b'],
      prints: 'b\n',
      edits: [
        { put: { 'd/new': '' }, reruns: 'COPY d', because: /listing/, prints: 'b\n' },
        { put: { unread: '' }, reruns: null },
      ],
    },
  ],
  { args: ['--driver=vm'] },
);
