import { language } from './scenarios/language.ts';
import { play } from './stage.ts';

/** What a machine that goes on with its memory could show otherwise than one that is put together of layers. */
const names = ['repeatable-after-a-revert', 'repeatable-and-a-tool-that-trusts-times-of-directories'];

play(
  'steps that go on from what they left, on virtual machines',
  language.filter(({ name }) => names.includes(name)),
  'vm',
);
