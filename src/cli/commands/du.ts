import { openStore } from '../../world/open-store.ts';
import { asRoot } from '../run/as-root.ts';
import { flag, text } from '../args.ts';
import { command } from '../command.ts';
import { exit } from '../../exit.ts';
import { limitOf } from '../../world/make-room.ts';
import { storeDirectory } from '../../world/store-directory.ts';
import { useLines, useOf } from '../store/holdings-report.ts';

export const du = command({
  description:
    'Says how much room the store takes: by repository, by how soon it would go, and what lies beside the snapshots.\n' +
    'A file that several snapshots share counts once.',
  operands: null,
  options: {
    json: flag('print JSON'),
    store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  },
  examples: [
    { command: 'layer du', does: 'say what takes the room' },
    { command: 'layer du --json | jq .totalBytes', does: 'watch it with a program' },
    { command: 'layer prune --keep 20G', does: 'make it less' },
  ],
  async run({ options }, context) {
    const { host } = context;
    const elevated = await asRoot('du', 'store', context);
    if (elevated !== null) return elevated;
    const store = openStore(storeDirectory(options.store, host));
    if ('failure' in store) {
      host.terminal.error(`layer du: ${store.failure}\n`);
      return exit.hostFailed;
    }
    await using _closed = store;
    const limit = await limitOf({
      store,
      directory: storeDirectory(options.store, host),
      environment: host.environment,
    });
    if ('problem' in limit) host.terminal.error(`warning: ${limit.problem}\n`);
    const use = useOf(await store.holdings(), 'problem' in limit ? null : limit.limit);
    host.terminal.out(options.json ? `${JSON.stringify(use, null, 2)}\n` : `${useLines(use).join('\n')}\n`);
    return exit.done;
  },
});
