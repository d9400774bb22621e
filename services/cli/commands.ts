/** A command of a service, found by its one or two words. */
export interface Command {
  readonly verb: string;
  /** Empty for a command of one word. */
  readonly noun: string;
  /** The file that runs it, below `services`. */
  readonly file: string;
  /** What follows the words. */
  readonly usage: string;
  readonly summary: string;
  /** Options of Node's own. */
  readonly nodeOptions?: readonly string[];
}

// Left to itself, V8 lets garbage grow to some 330 MB before it looks; with these a file of 10^6 lines stays under 150.
const SMALL_HEAP = ["--max-semi-space-size=1", "--max-old-space-size=64"];

/** Every command of every service, once; a command's options stand in its own --help. */
export const COMMANDS: readonly Command[] = [
  {
    verb: "import",
    noun: "payments",
    file: "payments/commands/import.ts",
    usage: "FILE.csv",
    summary: "schedule a payment for every line of a file",
    nodeOptions: SMALL_HEAP,
  },
  {
    verb: "send",
    noun: "otp",
    file: "notifications/commands/send-otp.ts",
    usage: "…",
    summary: "mail a one-time code",
  },
  {
    verb: "send",
    noun: "message",
    file: "messages/commands/send-message.ts",
    usage: "…",
    summary: "send a chat message",
  },
  {
    verb: "request",
    noun: "report",
    file: "reports/commands/request-report.ts",
    usage: "…",
    summary: "have a report of transactions written",
  },
  {
    verb: "job",
    noun: "",
    file: "scheduler/commands/job.ts",
    usage: "ID",
    summary: "show one job, and what it waits for",
  },
  {
    verb: "cancel",
    noun: "",
    file: "scheduler/commands/cancel.ts",
    usage: "ID",
    summary: "end a job before it is done",
  },
  {
    verb: "pause",
    noun: "",
    file: "scheduler/commands/pause.ts",
    usage: "type|queue NAME",
    summary: "hold all jobs of a type or a queue",
  },
  {
    verb: "resume",
    noun: "",
    file: "scheduler/commands/resume.ts",
    usage: "type|queue NAME",
    summary: "end a pause",
  },
  {
    verb: "gates",
    noun: "",
    file: "scheduler/commands/gates.ts",
    usage: "",
    summary: "show what jobs wait for",
  },
  {
    verb: "sweep",
    noun: "",
    file: "scheduler/commands/sweep.ts",
    usage: "",
    summary: "show what was put right by itself",
  },
  {
    verb: "resend",
    noun: "events",
    file: "scheduler/commands/resend-events.ts",
    usage: "--since TIME",
    summary: "have events told again",
  },
  {
    verb: "unblock",
    noun: "",
    file: "scheduler/commands/unblock.ts",
    usage: "KEY",
    summary: "let a line go on past the dead letter that holds it",
  },
  {
    verb: "seed",
    noun: "payments",
    file: "payments/commands/seed.ts",
    usage: "",
    summary: "write the demo's payers and token",
  },
  {
    verb: "seed",
    noun: "notifications",
    file: "notifications/commands/seed.ts",
    usage: "",
    summary: "write the demo's mail addresses",
  },
];

/** The words that a command is called by. */
export function nameOf({ verb, noun }: Command): string {
  return `${verb} ${noun}`.trimEnd();
}

/** The page that says what there is, or what there is under one verb. */
export function helpText(verb?: string): string {
  const lines = COMMANDS.filter((command) => verb === undefined || command.verb === verb).map((command) => {
    return `  ${`${nameOf(command)} ${command.usage}`.trimEnd().padEnd(28)}${command.summary}`;
  });
  return [
    "Usage: npm run duly -- COMMAND [options]",
    "",
    ...lines,
    "",
    "Each command explains itself: npm run duly -- import payments --help",
    "They run against DATABASE_URL where it is set, else against the local stack that npm start runs.",
  ].join("\n");
}
