import { catalog } from '../../diagnostics/catalog.ts';
import type { CatalogEntry } from '../../diagnostics/catalog/entry.ts';
import { nearest } from '../../diagnostics/near.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';

const entries: { readonly [code: string]: CatalogEntry<never> } = catalog;

export const explain = command({
  description: 'Without an argument, lists the codes of all diagnostics.',
  operands: { placeholder: 'code', help: 'the code of a diagnostic, as `layer check` prints it', least: 0, most: 1 },
  options: {},
  examples: [
    { command: 'layer explain syntax/unknown-instruction', does: 'say what the diagnostic means and how to cure it' },
  ],
  async run({ operands: [topic] }, { host: { terminal } }) {
    if (topic === undefined) {
      terminal.out(`${Object.keys(entries).sort().join('\n')}\n`);
      return exit.done;
    }
    const entry = Object.hasOwn(entries, topic) ? entries[topic] : undefined;
    if (entry) {
      terminal.out(`${entry.severity} ${topic}\n\n${entry.explain.trim()}\n`);
      return exit.done;
    }
    const near = nearest(topic, Object.keys(entries));
    const advice = near === null ? 'layer explain lists what there is' : `did you mean ${near}?`;
    terminal.error(`layer explain: nothing is called ${JSON.stringify(topic)}; ${advice}\n`);
    return exit.usage;
  },
});
