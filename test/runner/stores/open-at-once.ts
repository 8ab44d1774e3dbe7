import { openWriteAhead } from '../../../src/runner/stores/write-ahead.ts';

process.on('message', (atMs: number) => {
  while (Date.now() < atMs);
  const database = openWriteAhead(process.argv[2] ?? '');
  database.exec('create table if not exists one (a)');
  database.close();
  process.exit(0);
});
process.send?.('ready');
