import { expect, it } from 'vitest';
import { dockerPatterns } from '../../../targets/earthfile/ignored.ts';

it.each([
  ['*.log', ['**/*.log']],
  ['/docs/', ['docs']],
  ['docs/', ['**/docs']],
  ['web/dist\n!web/dist/keep', ['web/dist', '!web/dist/keep']],
  ['!*.keep', ['!**/*.keep']],
  ['\uFEFF# comment\r\n\r\na b  \r\n', ['**/a b']],
  ['\\#x\n\\!y\ntrailing\\ ', ['**/\\#x', '**/\\!y', '**/trailing\\ ']],
  ['[!a]b/*.t[!x]t', ['[^a]b/*.t[^x]t']],
  ['**/a\na/**\na/**/b', ['**/a', 'a/**', 'a/**/b']],
  ['/\n!\n//', []],
])('%j of .layerignore is %j of .earthlyignore', (text, patterns) => {
  expect(dockerPatterns(text)).toEqual(patterns);
});
