import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { openRepository } from '../../../src/runner/input/repository.ts';
import { fingerprint } from '../../../src/runner/view/fingerprint.ts';
import { openView } from '../../../src/runner/view/open.ts';

/** A program of its own, so that all it touches can be seen from outside: checks a few facts of the repository given first. */
const [root = '', store = ''] = process.argv.slice(2);
const repository = openRepository({
  root,
  hidden: [],
  blobs: `${store}/blobs`,
  stats: `${store}/stats`,
  env: process.env,
  clock: { now: () => Date.now() },
  looks: [],
  key: '',
});
const view = openView(
  {
    ordinal: 0,
    tree: 'repository',
    sources: [{ path: '' as RepoPath, glob: false }],
    destination: '/app' as GuestPath,
    placement: 'into',
    ancestors: [],
  },
  repository.live(),
);
fingerprint(view, '/app/d7/f' as GuestPath, 'content');
fingerprint(view, '/app/d7/f' as GuestPath, 'attributes');
fingerprint(view, '/app/d7/none' as GuestPath, 'absent');
fingerprint(view, '/app/d9/none' as GuestPath, 'absent');
