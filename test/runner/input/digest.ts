// node digest.ts <root> <store>: prints the hash of the file `f` in a working tree, and keeps what the next look may use.
import type { RepoPath } from '../../../src/host.ts';
import { openRepository } from '../../../src/runner/input/repository.ts';
import { later } from './workspace.ts';

const [root = '', store = ''] = process.argv.slice(2);
const repository = openRepository({
  ...{ root, hidden: [], blobs: `${store}/blobs`, stats: `${store}/stats` },
  ...{ env: process.env, clock: later, looks: [], key: '' },
});
console.log(repository.live().digest('f' as RepoPath));
repository.save();
