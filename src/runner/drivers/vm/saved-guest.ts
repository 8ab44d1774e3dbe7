import { StateUnusable, type Exit } from '../../driver.ts';
import type { SavedViews } from '../../fuse/view-server.ts';
import type { AgentState } from './agent.ts';
import type { ChannelState } from './channel.ts';
import { readRecord } from './machine-record.ts';
import { readSaved } from './saved-file.ts';

/** A RUN BACKGROUND that was up when a machine was saved, or had failed. */
export interface SavedJob {
  /** By which the agent knows it. */
  readonly job: number;
  readonly ended: Exit | null;
}

/** What the host knows of a guest that stands still, so that whoever restores it goes on where this host end stands. */
export interface SavedGuest {
  readonly agent: AgentState;
  readonly fuse: ChannelState;
  readonly views: SavedViews;
  readonly jobs: readonly SavedJob[];
}

const fileName = 'host.json';

/** The files of a snapshot that hold it. */
export function savedFiles(saved: SavedGuest): Readonly<Record<string, string>> {
  return { [fileName]: JSON.stringify(saved) };
}

/** What the newest level of a saved machine holds of it. Throws `StateUnusable` where it is not there or not what was saved. */
export async function readSavedGuest(directory: string): Promise<SavedGuest> {
  const record = readRecord(directory)?.record.files[fileName];
  if (record === undefined) throw new StateUnusable(`${directory} holds no whole record of a machine`);
  return JSON.parse((await readSaved(directory, fileName, record)).toString('utf8')) as SavedGuest;
}
