import type { Event, Listener } from './events.ts';
import type { Secrets } from './ports.ts';

/** A text without the secrets of a run, in whatever form they are known. */
export function maskText(text: string, secrets: Pick<Secrets, 'masker'>): string {
  const masker = secrets.masker();
  return Buffer.concat([masker.push(Buffer.from(text)), masker.end()]).toString('utf8');
}

/** Hides secrets in what events say in words: what others have said (git, a server, the kernel) may quote what it was given. Output comes masked. */
export function maskedEvents(listener: Listener, secrets: Pick<Secrets, 'masker'>): Listener {
  const mask = (text: string): string => maskText(text, secrets);
  return (event) => listener(maskedEvent(event, mask));
}

function maskedEvent(event: Event, mask: (text: string) => string): Event {
  switch (event.kind) {
    case 'note':
    case 'baseProgress':
      return { ...event, message: mask(event.message) };
    case 'stepStarted':
      return { ...event, reason: mask(event.reason) };
    case 'stepNotKept':
      return { ...event, why: mask(event.why) };
    case 'stepFailed':
      return { ...event, why: mask(event.why), tail: mask(event.tail) };
    case 'runnerEnded':
      return 'why' in event.outcome ? { ...event, outcome: { ...event.outcome, why: mask(event.outcome.why) } } : event;
    case 'runStarted':
    case 'runnerStarted':
    case 'stepSkipped':
    case 'machineStarting':
    case 'machineReady':
    case 'machineHibernated':
    case 'machineWoken':
    case 'stepOutput':
    case 'stepEnded':
    case 'waiting':
    case 'button':
    case 'pressed':
    case 'remainingSkipped':
    case 'serving':
    case 'runEnded':
      return event;
  }
}
