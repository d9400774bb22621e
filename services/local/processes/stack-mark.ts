/** The environment variable that every process of a local stack carries, so that it can be found again. */
const NAME = "DULY_STACK";

/** The environment that marks a process as part of the stack with this data folder. */
export function stackMark(stackDir: string): Readonly<Record<string, string>> {
  return { [NAME]: stackDir };
}

/** Whether a process whose environment reads so belongs to the stack with this data folder. */
export function bearsMark(environment: string, separator: string, stackDir: string): boolean {
  const mark = `${NAME}=${stackDir}`;
  return `${separator}${environment}${separator}`.includes(`${separator}${mark}${separator}`);
}
