import type { Scenario } from '../scenario.ts';

/** State that is no file of the machine's disk: it is either there in every later run, or no later run goes on from it. */
export const machine: readonly Scenario[] = [
  {
    rows: ['H35'],
    name: 'devices-made-by-a-step',
    files: { f: 'one\n' },
    steps: ['RUN echo here > /dev/made', 'RUN cat /w/f; cat /dev/made 2>/dev/null || echo gone'],
    prints: 'one\nhere\n',
    edits: [
      { put: { g: '' }, reruns: null },
      {
        put: { f: 'two\n' },
        reruns: 'RUN echo here',
        because: /nothing was kept after it: \/dev\/made/,
        prints: 'two\nhere\n',
        withMemory: {
          since: 'what lies in /dev is in the memory of the machine',
          expect: { reruns: 'RUN cat /w/f', because: '{}/f changed', prints: 'two\nhere\n' },
        },
      },
    ],
  },
  {
    rows: ['H35'],
    name: 'hosts-edited-by-a-step',
    files: { f: 'one\n' },
    steps: ['RUN echo "127.0.0.1 made" >> /etc/hosts', 'RUN cat /w/f; grep made /etc/hosts || echo gone'],
    prints: 'one\n127.0.0.1 made\n',
    edits: [
      { put: { g: '' }, reruns: null },
      {
        put: { f: 'two\n' },
        reruns: 'RUN echo',
        because: /nothing was kept after it: \/etc\/hosts/,
        prints: 'two\n127.0.0.1 made\n',
        withMemory: {
          since: '/etc/hosts is a file of its disk as any other',
          expect: { reruns: 'RUN cat /w/f', because: '{}/f changed', prints: 'two\n127.0.0.1 made\n' },
        },
      },
    ],
  },
  {
    rows: ['H35'],
    name: 'temporary-files',
    files: { f: 'one\n' },
    steps: [
      'RUN for d in /tmp /var/tmp /run /dev/shm; do echo $d > $d/made; done',
      'RUN cat /tmp/made /var/tmp/made /run/made /dev/shm/made /w/f',
    ],
    prints: '/tmp\n/var/tmp\n/run\n/dev/shm\none\n',
    edits: [
      { put: { g: '' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN cat', prints: '/tmp\n/var/tmp\n/run\n/dev/shm\ntwo\n' },
    ],
  },
];
