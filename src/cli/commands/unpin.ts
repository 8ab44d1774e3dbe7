import { openStore } from '../../world/open-store.ts';
import { asRoot } from '../run/as-root.ts';
import { flag, text } from '../args.ts';
import { command } from '../command.ts';
import { exit } from '../../exit.ts';
import { plainText } from '../../report/text.ts';
import { storeDirectory } from '../../world/store-directory.ts';

export const unpin = command({
  description: null,
  operands: { placeholder: 'pin', help: 'the name of a pin, or the beginning of its snapshot’s id', least: 1, most: 1 },
  options: {
    json: flag('print JSON'),
    store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  },
  examples: [
    { command: 'layer unpin release', does: 'let the snapshot go when room is wanted' },
    { command: 'layer du', does: 'list the pins' },
  ],
  async run({ options, operands }, context) {
    const { host } = context;
    const [word = ''] = operands;
    const elevated = await asRoot('unpin', 'store', context);
    if (elevated !== null) return elevated;
    const store = openStore(storeDirectory(options.store, host));
    if ('failure' in store) {
      host.terminal.error(`layer unpin: ${store.failure}\n`);
      return exit.hostFailed;
    }
    await using _closed = store;
    const names = await store.unpin(word);
    if (options.json) host.terminal.out(`${JSON.stringify({ unpinned: names })}\n`);
    else for (const name of names) host.terminal.out(`unpinned ${plainText(name)}\n`);
    if (names.length > 0) return exit.done;
    host.terminal.error(`layer unpin: there is no pin ${JSON.stringify(word)}; layer du lists them\n`);
    return exit.usage;
  },
});
