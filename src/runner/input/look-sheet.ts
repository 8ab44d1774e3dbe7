import { type Look, questionsIn, sameAt } from './look.ts';

/** The questions of a look, answered by several threads, each taking some at a time. */
export interface Sheet {
  /** Taken apart when it is asked for first. */
  look(): Look;
  /** Shared: the next question to be taken, how many are answered, and whether any was answered otherwise. */
  readonly counters: Int32Array;
}

const next = 0;
const answered = 1;
const otherwise = 2;
/** So many at a time that taking them costs nothing, and so few that no thread waits long for another. */
const atATime = 128;

/**
 * Answers questions until none is left, then waits for those that another thread has taken: whether all were answered as they had been. Where that thread
 * takes so long that it may never end, all are answered here.
 */
export function answer(sheet: Sheet, patienceMs: number): boolean {
  const { counters } = sheet;
  const look = sheet.look();
  const questions = questionsIn(look);
  answerSome(sheet);
  for (;;) {
    if (Atomics.load(counters, otherwise) !== 0) return false;
    const done = Atomics.load(counters, answered);
    if (done === questions) return true;
    if (Atomics.wait(counters, answered, done, patienceMs) === 'timed-out') return answersAll(look);
  }
}

function answersAll(look: Look): boolean {
  for (let question = 0; question < questionsIn(look); question += 1) if (!sameAt(look, question)) return false;
  return true;
}

/** Answers questions as long as there are some that nobody has taken. */
export function answerSome(sheet: Sheet): void {
  const { counters } = sheet;
  const look = sheet.look();
  const questions = questionsIn(look);
  for (;;) {
    const first = Atomics.add(counters, next, atATime);
    if (first >= questions || Atomics.load(counters, otherwise) !== 0) return;
    const end = Math.min(first + atATime, questions);
    for (let question = first; question < end; question += 1) {
      if (sameAt(look, question)) continue;
      Atomics.store(counters, otherwise, 1);
      Atomics.notify(counters, answered);
      return;
    }
    Atomics.add(counters, answered, end - first);
    Atomics.notify(counters, answered);
  }
}
