import { beginIncarnation, type EventRows, react, tellAgain, tellLater } from "./event.ts";
import type { Model, Step } from "./search.ts";

/** A message in the hands of a process: of the subscriber or the recorder, before its commit or before its ack. */
interface EventHand {
  readonly by: "subscriber" | "recorder";
  readonly at: "commit" | "ack";
  /** Whether its channel still stands; else the message is lost with the broker, or somebody's again. */
  readonly channel: boolean;
}

/** One event with all that can happen to it. */
export interface EventWorld {
  readonly rows: EventRows;
  /** Messages in the subscriber's queue, and in the queue of what queues gave up. */
  readonly heard: number;
  readonly rejected: number;
  readonly hands: readonly EventHand[];
  /** As in the world of a job. */
  readonly marker: "known" | "gone" | "written" | "early";
  readonly faults: number;
}

/** How much may go wrong, and which moves are bent. */
export interface EventSetting {
  readonly faultCount: number;
  readonly without: ReadonlySet<string>;
}

/**
 * An event and its subscriber as a model to be searched: published, heard, expired under a policy, told again, while
 * processes die and the broker loses its data. A message that somebody takes out of the queue by hand is not among that:
 * nobody would notice (docs/delivery-guarantees.md).
 */
export function eventModel(setting: EventSetting): Model<EventWorld> {
  const rows: EventRows = { free: 1, published: 0, later: 0, resend: false, jobs: 0 };
  const world = { rows, heard: 0, rejected: 0, hands: [], faults: setting.faultCount };
  return {
    initial: [{ ...world, marker: "known" }],
    steps: (now) => [
      ...relaySteps(now),
      ...brokerSteps(now),
      ...takeSteps(now),
      ...now.hands.flatMap((hand) => handSteps(hand, now, setting)),
      ...repairSteps(now, setting),
    ],
    encode: (now) => JSON.stringify({ ...now, hands: now.hands.map((hand) => JSON.stringify(hand)).sort() }),
    broken: ({ rows: { jobs } }) => (jobs > 1 ? `${jobs} jobs of one event` : undefined),
    isDone: ({ rows: { jobs } }) => jobs === 1,
  };
}

const TOO_MANY = 4;

function fault(name: string, world: EventWorld, next: Partial<EventWorld>): Step<EventWorld>[] {
  if (world.faults === 0) return [];
  return [{ name, world: { ...world, ...next, faults: world.faults - 1 }, fault: true }];
}

function relaySteps(world: EventWorld): Step<EventWorld>[] {
  const { rows, marker } = world;
  const { free, published, later } = rows;
  const canPublish = free > 0 && (marker === "known" || marker === "early");
  // More copies than this show nothing more.
  const heard = Math.min(TOO_MANY, world.heard + 1);
  return [
    ...(canPublish
      ? [
          {
            name: "the relay publishes the event",
            world: { ...world, heard, rows: { ...rows, free: free - 1, published: published + 1 } },
          },
        ]
      : []),
    ...(later > 0
      ? [
          {
            name: "its row has waited",
            world: { ...world, rows: { ...rows, free: free + 1, later: later - 1 } },
          },
        ]
      : []),
    ...(published > 0
      ? [
          {
            name: "the relay deletes its row",
            world: { ...world, rows: { ...rows, published: published - 1 } },
          },
          ...fault("the relay dies between publish and delete", world, {
            rows: { ...rows, free: free + published, published: 0 },
          }),
        ]
      : []),
  ];
}

function brokerSteps(world: EventWorld): Step<EventWorld>[] {
  const { heard, rejected, hands, marker } = world;
  const lost = { heard: 0, rejected: 0, hands: hands.map((hand) => ({ ...hand, channel: false })) };
  return [
    ...(heard > 0
      ? fault("a policy lets the event expire", world, { heard: heard - 1, rejected: rejected + 1 })
      : []),
    ...(marker === "known" || marker === "early"
      ? fault("the broker loses its data", world, { ...lost, marker: "gone" })
      : []),
  ];
}

function takeSteps(world: EventWorld): Step<EventWorld>[] {
  const { heard, rejected, hands } = world;
  const withHand = (by: EventHand["by"]) => [...hands, { by, at: "commit", channel: true } as const];
  return [
    ...(heard > 0
      ? [
          {
            name: "the subscriber gets the event",
            world: { ...world, heard: heard - 1, hands: withHand("subscriber") },
          },
        ]
      : []),
    ...(rejected > 0
      ? [
          {
            name: "the recorder gets the event",
            world: { ...world, rejected: rejected - 1, hands: withHand("recorder") },
          },
        ]
      : []),
  ];
}

function handSteps(hand: EventHand, world: EventWorld, { without }: EventSetting): Step<EventWorld>[] {
  const others = world.hands.filter((other) => other !== hand);
  const { by, at, channel } = hand;
  const back = channel
    ? { heard: by === "subscriber" ? 1 : 0, rejected: by === "recorder" ? 1 : 0 }
    : { heard: 0, rejected: 0 };
  const dies = fault(`the ${by} dies before its ${at}`, world, {
    hands: others,
    heard: world.heard + (without.has("job before the ack") ? 0 : back.heard),
    rejected: world.rejected + back.rejected,
  });
  if (at === "ack") return [{ name: `the ${by} acks`, world: { ...world, hands: others } }, ...dies];
  const rows = by === "subscriber" ? heardOnce(world.rows, without) : recorded(world.rows, without);
  const acks = { ...world, rows, hands: [...others, { ...hand, at: "ack" as const }] };
  return [{ name: by === "subscriber" ? "the job is made" : "it is to be told later", world: acks }, ...dies];
}

function heardOnce(rows: EventRows, without: ReadonlySet<string>): EventRows {
  return without.has("derived id") ? { ...rows, jobs: rows.jobs + 1 } : react(rows);
}

function recorded(rows: EventRows, without: ReadonlySet<string>): EventRows {
  if (without.has("telling what expired")) return rows;
  const isThere = rows.free + rows.published > 0;
  return isThere && without.has("a row that waits") ? rows : tellLater(rows);
}

// The rows first, the marker after.
function repairSteps(world: EventWorld, { without }: EventSetting): Step<EventWorld>[] {
  const { marker, rows } = world;
  const steps: Step<EventWorld>[] = [];
  const told = tellAgain(rows);
  if (told !== rows) steps.push({ name: "the scheduler tells it again", world: { ...world, rows: told } });
  const begun = (next: EventWorld["marker"]): Step<EventWorld> => ({
    name: "a relay begins a new incarnation",
    world: { ...world, marker: next, rows: beginIncarnation(rows) },
  });
  const puts = (next: EventWorld["marker"]): Step<EventWorld> => ({
    name: "a relay puts its marker",
    world: { ...world, marker: next },
  });
  if (marker === "gone") steps.push(without.has("rows before the marker") ? puts("early") : begun("written"));
  if (marker === "written") steps.push(puts("known"));
  if (marker === "early") {
    steps.push(
      begun("known"),
      ...fault("the relay dies between marker and rows", world, { marker: "known" }),
    );
  }
  return steps;
}
