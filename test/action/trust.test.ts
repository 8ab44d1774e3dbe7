import { describe, expect, test } from 'vitest';
import { trustOf, type Trust } from '../../src/action/trust.ts';

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
