import { choosePruning, totalBytes, type Holdings, type Pruning } from '../../runner/retention.ts';
import { openStore } from '../../world/open-store.ts';
import { asRoot } from '../run/as-root.ts';
import { flag, text } from '../args.ts';
import { command } from '../command.ts';
import { exit, type ExitCode } from '../../exit.ts';
import { plainText, plural } from '../../report/text.ts';
import { readLimit } from '../../world/make-room.ts';
import { storeDirectory } from '../../world/store-directory.ts';
import { readAge, readSize, sizeText } from '../../world/size.ts';

export const prune = command({
  description:
    'Makes the store smaller. First go things that can be made again (copies of files, mirrors, base machines that no name stands for), then\n' +
    'snapshots that newer ones replaced, then the newest of each instruction, the least recently used first, then what EXPOSE shows.\n' +
    'Pinned snapshots stay, and what a run uses stays until it has ended. A step whose snapshot has gone is still skipped where nothing has changed.\n' +
    'Every run does the same when it has made the store larger than its limit: LAYER_STORE_LIMIT, else --limit, else a quarter of the disk.',
  operands: null,
  options: {
    keep: text('size', 'leave this much at most: 20G, 500M, 0'),
    limit: text('size', 'leave this much at most, now and after every run from now on; none for no limit'),
    'older-than': text('age', 'forget what was not used for this long: 7d, 12h'),
    'dry-run': flag('only say what would go'),
    json: flag('print JSON'),
    store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  },
  examples: [
    { command: 'layer prune --keep 20G', does: 'leave 20 GB at most' },
    { command: 'layer prune --limit 50G', does: 'let runs keep the store below 50 GB' },
    { command: 'layer prune --older-than 7d', does: 'forget what nobody used for a week' },
    { command: 'layer prune --keep 5G --dry-run', does: 'say what would go' },
    { command: 'layer pin web/tests:3 release', does: 'keep a snapshot whatever prune is asked for' },
  ],
  async run({ options }, context) {
    const { host } = context;
    const { terminal, clock } = host;
    const wrong = (problem: string): ExitCode => {
      terminal.error(`layer prune: ${problem}\n`);
      return exit.usage;
    };
    const { keep, limit: typed, 'older-than': older } = options;
    if (keep === null && older === null && typed === null)
      return wrong('say how much to keep: --keep 20G, or --older-than 7d');
    const limit = typed === null ? null : readLimit(typed);
    if (typed !== null && limit === null)
      return wrong(`--limit wants a size such as 20G, or none; it has ${JSON.stringify(typed)}`);
    if (keep !== null && readSize(keep) === null)
      return wrong(`--keep wants a size such as 20G; it has ${JSON.stringify(keep)}`);
    const sizes = [keep === null ? null : readSize(keep), limit === 'none' ? null : limit].filter(
      (one) => one !== null,
    );
    const keepBytes = sizes.length === 0 ? null : Math.min(...sizes);
    const age = older === null ? null : readAge(older);
    if (older !== null && age === null)
      return wrong(`--older-than wants an age such as 7d or 12h; it has ${JSON.stringify(older)}`);

    const elevated = await asRoot('prune', 'store', context);
    if (elevated !== null) return elevated;
    const store = openStore(storeDirectory(options.store, host));
    if ('failure' in store) {
      host.terminal.error(`layer prune: ${store.failure}\n`);
      return exit.hostFailed;
    }
    await using _closed = store;
    if (limit !== null && !options['dry-run']) await store.setLimit(limit);
    const before = await store.holdings();
    const chosen = choosePruning(before, { keepBytes, usedBefore: age === null ? null : clock.now() - age });
    const left = options['dry-run'] ? [] : (await store.remove(chosen.removal)).left;
    const after = options['dry-run'] ? null : await store.holdings();
    const told = { chosen, before, after, keepBytes, left: left.map((one) => one.path) };
    terminal.out(options.json ? `${JSON.stringify(asJson(told), null, 2)}\n` : `${asLines(told).join('\n')}\n`);
    return exit.done;
  },
});

interface Told {
  readonly chosen: Pruning;
  readonly before: Holdings;
  /** Null where nothing was done. */
  readonly after: Holdings | null;
  readonly keepBytes: number | null;
  readonly left: readonly string[];
}

function asJson({ chosen, after, left }: Told): unknown {
  const { removal, beforeBytes, afterBytes } = chosen;
  return {
    ...{ dryRun: after === null, beforeBytes, afterBytes: after === null ? afterBytes : totalBytes(after) },
    removed: [
      ...removal.held.map(({ kind, id, layer, title, tier }) => ({ kind, id, layer, title, tier })),
      ...removal.sides
        .filter((one) => !left.includes(one.path))
        .map(({ kind, path, bytes }) => ({ kind, path, bytes })),
    ],
    left,
  };
}

function asLines({ chosen, after, before, keepBytes, left }: Told): readonly string[] {
  const { removal, beforeBytes, afterBytes } = chosen;
  const would = after === null ? 'would go' : 'removed';
  const lines = [
    ...removal.sides
      .filter((one) => !left.includes(one.path))
      .map((one) => `${would}: ${one.kind} ${plainText(one.path)} (${sizeText(one.bytes)})`),
    ...removal.held.map(
      (one) =>
        `${would}: ${one.kind} ${one.id.slice(0, 4)} of ${plainText(one.layer)} ▸ ${plainText(one.title)} (${one.tier})`,
    ),
    ...left.map((path) => `in use, stays: ${plainText(path)}`),
  ];
  if (lines.length === 0) lines.push('nothing to remove');
  const now = after === null ? afterBytes : totalBytes(after);
  lines.push('', `${sizeText(beforeBytes)} before, ${sizeText(now)} ${after === null ? 'afterwards' : 'now'}`);
  if (keepBytes !== null && now > keepBytes) lines.push(overReason({ before, now, afterBytes, keepBytes }));
  return lines;
}

function overReason(given: {
  readonly before: Holdings;
  readonly now: number;
  readonly afterBytes: number;
  readonly keepBytes: number;
}): string {
  const { before, now, afterBytes, keepBytes } = given;
  const over = `that is ${sizeText(now - keepBytes)} more than asked for`;
  if (afterBytes <= keepBytes && before.others > 0)
    return `${over}: ${plural(before.others, 'other run')} must end before the rest can go`;
  const pins = before.held.filter((one) => one.tier === 'pinned').length;
  return `${over}: the rest is base machines, the record of what ran${pins > 0 ? ` and ${plural(pins, 'pin')} (layer unpin)` : ''}`;
}
