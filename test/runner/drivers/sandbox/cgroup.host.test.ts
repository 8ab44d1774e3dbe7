import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Hierarchies } from '../../../../src/runner/drivers/sandbox/cgroup.ts';
import { findHierarchies, MachineCgroups } from '../../../../src/runner/drivers/sandbox/cgroup.ts';
import { ownedName } from '../../../../src/runner/drivers/sandbox/owner.ts';

const mounted = readFileSync('/proc/self/mountinfo', 'utf8');
const both = findHierarchies(mounted).tracking;
const first = findHierarchies(
  mounted
    .split('\n')
    .filter((line) => !line.includes(' - cgroup2 '))
    .join('\n'),
).tracking;

describe.each([
  ['as this host prefers', both],
  ['of version 1', first],
])('control groups %s', (_, tracking) => {
  it('stop, list and kill what joined them, and go away', async ({ annotate }) => {
    if (tracking === null) {
      await annotate('passed over: not mounted here');
      return;
    }
    const hierarchies: Hierarchies = { tracking, memory: null };
    const name = ownedName();
    const cgroups = new MachineCgroups(hierarchies, name);
    expect(cgroups.canFreeze).toBe(true);
    const group = cgroups.group('step-0');
    const child = spawn('sh', ['-c', 'while :; do echo x; sleep 0.005; done'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    let written = 0;
    child.stdout.on('data', (chunk: Buffer) => (written += chunk.length));
    for (const file of group.join) writeFileSync(file, String(child.pid));
    expect(group.processes()).toContain(child.pid);
    await expect.poll(() => written).toBeGreaterThan(10);
    await cgroups.freeze();
    await pause(50);
    const stopped = written;
    await pause(200);
    expect(written).toBe(stopped);
    await cgroups.thaw();
    await expect.poll(() => written).toBeGreaterThan(stopped);
    expect(group.remove()).toBe(false);
    group.kill();
    await ended;
    await expect.poll(() => group.remove()).toBe(true);
    await cgroups.remove();
    expect(existsSync(join(tracking.root, name))).toBe(false);
  });

  it('go away with what is frozen in them', async ({ annotate }) => {
    if (tracking === null) {
      await annotate('passed over: not mounted here');
      return;
    }
    const name = ownedName();
    const cgroups = new MachineCgroups({ tracking, memory: null }, name);
    const group = cgroups.group('background-0');
    const child = spawn('sleep', ['1000']);
    const ended = new Promise((resolve) => child.once('close', resolve));
    for (const file of group.join) writeFileSync(file, String(child.pid));
    await cgroups.freeze();
    await cgroups.remove();
    await ended;
    expect(existsSync(join(tracking.root, name))).toBe(false);
  });
});

it('are missed, not fatal, where none can be made', async () => {
  const cgroups = new MachineCgroups({ tracking: null, memory: null }, ownedName());
  expect(cgroups.canFreeze).toBe(false);
  expect(cgroups.limitMemory(1)).toBe(false);
  expect(cgroups.group('x').processes()).toEqual([]);
  await cgroups.freeze();
  await cgroups.remove();
});

const pause = (timeMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, timeMs));
