import { memory } from './scenarios/memory.ts';
import { play } from './stage.ts';

play('what the kernel of a restored machine knows', memory, 'vm');
