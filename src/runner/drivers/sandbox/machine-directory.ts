/** What a machine's directory holds beside the layers it has made. */
export const machineScratch = [
  'owner',
  'agent.pl',
  'root',
  'proc',
  'mqueue',
  'views',
  'etc',
  'work',
  'merged',
  'mount-points',
] as const;
