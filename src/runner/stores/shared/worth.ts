/** Whether bytes are worth sending: making them again must take longer than bringing them back. */
export function isWorth(given: {
  readonly bytes: number;
  /** What the steps took since the state that is there already. */
  readonly savedMs: number;
  readonly bytesPerSecond: number;
}): boolean {
  return given.bytes <= (given.savedMs / 1000) * given.bytesPerSecond;
}
