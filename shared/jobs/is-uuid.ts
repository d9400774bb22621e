const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether text can be an id of a job, letter or event. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
