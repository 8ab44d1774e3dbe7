import { play } from './stage.ts';
import { names } from './scenarios/names.ts';

play('names', names);
