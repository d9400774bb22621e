import { misfortune } from "./misfortune.ts";
import type { Step } from "./search.ts";
import type { OutboxRow, Setting, World } from "./world.ts";

/** What the relay and RabbitMQ do: publish, confirm and delete, let a wait run out. */
export function relaySteps(world: World, setting: Setting): Step<World>[] {
  const steps: Step<World>[] = [];
  for (const row of world.rows.outbox) {
    if (row.published) {
      steps.push({ name: `relay deletes the row of send ${row.send}`, world: remove(world, row, setting) });
    } else if (world.marker === "known" || world.marker === "early") {
      steps.push(publish(world, row));
    }
  }
  for (const send of new Set(world.waiting)) {
    steps.push({
      name: `the wait of send ${send} is over`,
      world: {
        ...world,
        waiting: without(world.waiting, send),
        work: [...world.work, { send, redelivered: false }],
      },
    });
  }
  if (world.rows.outbox.some((row) => row.published)) {
    steps.push(
      ...misfortune("relayDies", "the relay dies between publish and delete", { world, setting }, unlockRows),
    );
  }
  return steps;
}

/** What a relay had locked is any relay's again. */
export function unlockRows(world: World): World {
  const outbox = world.rows.outbox.map((row) => ({ ...row, published: false }));
  return { ...world, rows: { ...world.rows, outbox } };
}

function publish(world: World, row: OutboxRow): Step<World> {
  const { rows } = world;
  const live = rows.send === row.send && (rows.state === "queued" || rows.state === "retrying");
  if (!live) {
    const outbox = rows.outbox.filter((other) => other !== row);
    return {
      name: `relay drops the overtaken row of send ${row.send}`,
      world: { ...world, rows: { ...rows, outbox } },
    };
  }
  const outbox = rows.outbox.map((other) => (other === row ? { ...row, published: true } : other));
  const sent = row.wait
    ? { waiting: [...world.waiting, row.send] }
    : { work: [...world.work, { send: row.send, redelivered: false }] };
  return {
    name: `relay publishes send ${row.send}`,
    world: { ...world, ...sent, rows: { ...rows, outbox } },
  };
}

function remove(world: World, row: OutboxRow, setting: Setting): World {
  // By the row's own id; by its job's, a younger send would go with it.
  const outbox = setting.without.has("delete by id")
    ? []
    : world.rows.outbox.filter((other) => other !== row);
  return { ...world, rows: { ...world.rows, outbox } };
}

function without(sends: readonly number[], send: number): readonly number[] {
  const place = sends.indexOf(send);
  return sends.filter((_, other) => other !== place);
}
