/**
 * Takes the lock file at `path` for this process, also from a process that is no more.
 *
 * Returns `release` or, while another living process has it, the process id of its holder.
 */
export function tryLock(
  path: string,
): { release: () => void; holder?: never } | { holder: number; release?: never };
