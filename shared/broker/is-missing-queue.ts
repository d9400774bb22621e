const NOT_FOUND = 404;

/** Whether RabbitMQ answered that there is no such queue; it closes the channel with that. */
export function isMissingQueue(error: unknown): boolean {
  return error instanceof Error && (error as Error & { code?: unknown }).code === NOT_FOUND;
}
