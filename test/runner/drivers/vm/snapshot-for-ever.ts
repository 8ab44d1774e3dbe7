import { Lab } from './lab.ts';

// Boots a machine with a way out, says where it is, and snapshots it again and again, until it is killed.
const lab = await Lab.open(AbortSignal.timeout(300_000));
const running = await lab.boot({ network: 'outward' });
const levels: string[] = [];
for (;;) {
  const directory = lab.place();
  await running.save(directory, { memory: levels.length === 0 ? 'image' : 'blocks' });
  levels.push(directory);
  console.log(JSON.stringify({ pid: running.machine.pid, directory: lab.directory, levels }));
}
