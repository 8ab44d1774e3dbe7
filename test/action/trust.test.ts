import { describe, expect, test } from 'vitest';
import { scopeText } from '../../src/runner/remote.ts';
import { sharingOf } from '../../src/action/sharing.ts';
import { trustOf, type Trust } from '../../src/action/trust.ts';
import { accessOf } from '../../src/world/sharing.ts';

const repository = { full_name: 'octo/gallery', default_branch: 'main' };
const pull = (head: string | null, base = 'main') => ({
  repository,
  pull_request: { base: { ref: base }, head: { repo: head === null ? null : { full_name: head } } },
});
const pr = 'refs/pull/7/merge';
const main = 'refs/heads/main';
const topic = 'refs/heads/topic';

describe('what a job may read and write', () => {
  test.each<[string, string, unknown, Pick<Trust, 'kind' | 'reads' | 'writes' | 'secrets'>]>([
    ['push', main, { repository }, { kind: 'trusted', reads: [main], writes: main, secrets: true }],
    ['push', topic, { repository }, { kind: 'trusted', reads: [topic, main], writes: topic, secrets: true }],
    ['schedule', main, { repository }, { kind: 'trusted', reads: [main], writes: main, secrets: true }],
    [
      'workflow_dispatch',
      topic,
      { repository },
      { kind: 'trusted', reads: [topic, main], writes: topic, secrets: true },
    ],
    ['pull_request', pr, pull('octo/gallery'), { kind: 'pull-request', reads: [pr, main], writes: pr, secrets: true }],
    [
      'pull_request',
      pr,
      pull('octo/gallery', 'next'),
      { kind: 'pull-request', reads: [pr, 'refs/heads/next', main], writes: pr, secrets: true },
    ],
    ['pull_request', pr, pull('mallory/gallery'), { kind: 'fork', reads: [pr, main], writes: pr, secrets: false }],
    ['pull_request', pr, pull(null), { kind: 'fork', reads: [pr, main], writes: pr, secrets: false }],
    ['pull_request', main, pull('mallory/gallery'), { kind: 'fork', reads: [main], writes: null, secrets: false }],
    [
      'pull_request_target',
      main,
      pull('mallory/gallery'),
      { kind: 'read-only', reads: [main], writes: null, secrets: false },
    ],
    [
      'pull_request_target',
      main,
      pull('octo/gallery'),
      { kind: 'read-only', reads: [main], writes: null, secrets: true },
    ],
    [
      'issue_comment',
      main,
      { repository, issue: { pull_request: {} } },
      { kind: 'read-only', reads: [main], writes: null, secrets: false },
    ],
    [
      'workflow_run',
      main,
      { repository, workflow_run: { head_repository: { full_name: 'mallory/gallery' } } },
      { kind: 'read-only', reads: [main], writes: null, secrets: false },
    ],
    [
      'push',
      main,
      { repository, pull_request: { head: {} } },
      { kind: 'read-only', reads: [main], writes: null, secrets: false },
    ],
    ['release', 'refs/tags/v1', { repository }, { kind: 'release', reads: [], writes: null, secrets: true }],
    ['push', 'refs/tags/v1', { repository }, { kind: 'release', reads: [], writes: null, secrets: true }],
    ['', '', null, { kind: 'read-only', reads: [], writes: null, secrets: true }],
  ])('%s on %s', (name, ref, payload, expected) => {
    expect(trustOf({ name, ref, payload })).toMatchObject(expected);
  });
});

describe('whose results a job is offered', () => {
  const jobs = {
    main: { name: 'push', ref: main, payload: { repository } },
    nightly: { name: 'schedule', ref: main, payload: { repository } },
    topic: { name: 'push', ref: topic, payload: { repository } },
    pull: { name: 'pull_request', ref: pr, payload: pull('octo/gallery') },
    fork: { name: 'pull_request', ref: pr, payload: pull('mallory/gallery') },
    otherFork: { name: 'pull_request', ref: 'refs/pull/8/merge', payload: pull('eve/gallery') },
    target: { name: 'pull_request_target', ref: main, payload: pull('mallory/gallery') },
    comment: { name: 'issue_comment', ref: main, payload: { repository, issue: { pull_request: {} } } },
    tag: { name: 'push', ref: 'refs/tags/v1', payload: { repository } },
    unknown: { name: 'something_new', ref: main, payload: null },
  };
  type Job = keyof typeof jobs;
  const names = Object.keys(jobs) as Job[];
  const sharing = (job: Job) =>
    sharingOf({ inputs: { store: { kind: 'none' } }, trust: trustOf(jobs[job]), environment: {} });
  const scopeOf = (scope: { readonly ref: string; readonly trust: 'own' | 'fork' }) =>
    scopeText({ ...scope, repository: 'here' });

  /** Besides its own. */
  const others: Readonly<Record<Job, readonly Job[]>> = {
    main: ['nightly'],
    nightly: ['main'],
    topic: ['main', 'nightly'],
    pull: ['main', 'nightly'],
    fork: ['main', 'nightly'],
    otherFork: ['main', 'nightly'],
    target: ['main', 'nightly'],
    comment: ['main', 'nightly'],
    tag: [],
    unknown: [],
  };
  const writers: readonly Job[] = ['main', 'nightly', 'topic', 'pull', 'fork', 'otherFork'];

  test.each(names)('%s', (reader) => {
    const { reads } = sharing(reader);
    const local = accessOf(sharing(reader), 'here');
    for (const writer of names) {
      const { writes } = sharing(writer);
      expect(writes !== null, writer).toBe(writers.includes(writer));
      const isOffered = writes !== null && reads.map(scopeOf).includes(scopeOf(writes));
      const isAllowed = (reader === writer && writers.includes(writer)) || others[reader].includes(writer);
      expect(isOffered, `what ${writer} wrote`).toBe(isAllowed);
      // The directory of one machine keeps them apart as the remote store does.
      expect(local.reads.includes(accessOf(sharing(writer), 'here').scope), `${writer} on one machine`).toBe(isAllowed);
    }
  });

  test('what strangers may have written gets no secrets, and sees nothing that one could be in', () => {
    const strangers = names.filter((job) => sharing(job).trust === 'strangers');
    expect(strangers).toEqual(['fork', 'otherFork', 'target', 'comment']);
    for (const job of names) expect(trustOf(jobs[job]).secrets, job).toBe(!strangers.includes(job));
  });
});
