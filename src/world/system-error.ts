/** A refused system call, or SQLite's word for one: locked, not writable, input/output error, full, cannot be opened (sqlite.org/rescode.html). */
export function isSystemError(problem: unknown): problem is Error {
  if (!(problem instanceof Error)) return false;
  if ('syscall' in problem && 'errno' in problem) return true;
  return (
    'errcode' in problem &&
    typeof problem.errcode === 'number' &&
    [5, 6, 8, 10, 13, 14].includes(problem.errcode & 0xff)
  );
}
