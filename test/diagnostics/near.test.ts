import { describe, expect, test } from 'vitest';
import { editDistance, nearest } from '../../src/diagnostics/near.ts';

describe('nearest', () => {
  const names = ['WEBSITE', 'TCP'];
  test.each([
    ['WEBISTE', 'WEBSITE'],
    ['website', 'WEBSITE'],
    ['WEB', 'WEBSITE'],
    ['WEBSITES', 'WEBSITE'],
    ['TPC', 'TCP'],
    ['UDP', null],
    ['localhost:3000', null],
    ['', null],
  ])('%j means %j', (typed, meant) => {
    expect(nearest(typed, names)).toBe(meant);
  });

  test('paths and variables', () => {
    expect(nearest('/bsae', ['/base', '/web'])).toBe('/base');
    expect(nearest('GIT_BRNCH', ['GIT_COMMIT', 'GIT_BRANCH'])).toBe('GIT_BRANCH');
  });

  test('an abbreviation of two candidates means neither', () => {
    expect(nearest('GIT', ['GIT_COMMIT', 'GIT_BRANCH'])).toBeNull();
  });

  test('a single letter is near no other letter', () => {
    expect(nearest('a', ['b'])).toBeNull();
  });
});

test('a swap of neighbours is one edit', () => {
  expect(editDistance('WEBISTE', 'WEBSITE')).toBe(1);
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('', 'abc')).toBe(3);
});
