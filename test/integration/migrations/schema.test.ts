import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { migrate } from "../../../migrations/migrate.ts";
import { root } from "../../support/repository.ts";

const log = createLogger("test", "silent");
let name: string;
let server: Database;
let db: Database;
let url: string;

beforeEach(async () => {
  name = `schema_${randomUUID().replaceAll("-", "")}`;
  server = openDatabase({ url: inject("databaseUrl"), name: "duly test", connections: 1, log });
  await sql`create database ${sql.id(name)}`.execute(server);
  const address = new URL(inject("databaseUrl"));
  address.pathname = `/${name}`;
  url = address.href;
  db = openDatabase({ url, name: "duly test", connections: 2, log });
});

afterEach(async () => {
  await db.destroy();
  await sql`drop database ${sql.id(name)}`.execute(server);
  await server.destroy();
});

// Partitions are named after today, so they are left out.
const PARTITION = String.raw`_(\d{4}_\d{2}(_\d{2})?|default)(_pkey)?$`;
const OURS = sql`n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'public')`;

async function describeSchema(): Promise<string> {
  const parts = await sql<{ line: string }>`
    select line from (
      select 1 as part, format('%s.%s', n.nspname, c.relname) as owner, format('%s.%s  %s %s%s%s', n.nspname, c.relname,
        a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end,
        case when a.attidentity <> '' then ' identity' else coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') end
      ) as line, a.attnum as place
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where ${OURS} and c.relkind in ('r', 'p') and c.relname !~ ${PARTITION}
      union all
      select 2, n.nspname, format('index %s', pg_get_indexdef(c.oid)), 0
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${OURS} and c.relkind in ('i', 'I') and c.relname !~ ${PARTITION}
      union all
      select 3, n.nspname, format('constraint %s.%s %s', n.nspname, t.relname, pg_get_constraintdef(k.oid)), 0
      from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_namespace n on n.oid = t.relnamespace
      where ${OURS} and k.contype in ('c', 'f', 'u', 'x') and t.relname !~ ${PARTITION}
      union all
      select 4, n.nspname, format('type %s.%s (%s)', n.nspname, y.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder)), 0
      from pg_type y join pg_namespace n on n.oid = y.typnamespace join pg_enum e on e.enumtypid = y.oid
      where ${OURS} group by n.nspname, y.typname
      union all
      select 5, n.nspname, format('function %s.%s(%s) returns %s', n.nspname, p.proname,
        pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid)), 0
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${OURS}
    ) described order by part, owner, place, line
  `.execute(db);
  return `${parts.rows.map((row) => row.line).join("\n")}\n`;
}

async function ownSchemas(): Promise<string[]> {
  const found = await sql<{ name: string }>`
    select nspname as name from pg_namespace n where ${OURS} and nspname !~ '^pg_' order by 1
  `.execute(db);
  return found.rows.map((row) => row.name);
}

test("up, down and up again leave the schema that the committed snapshot shows", async () => {
  const up = await migrate(url, "up", log);
  const down = await migrate(url, "down", log);
  expect(down).toEqual(up.toReversed());
  expect(await ownSchemas()).toEqual([]);
  expect(await migrate(url, "up", log)).toEqual(up);
  await expect(await describeSchema()).toMatchFileSnapshot(join(root, "migrations/schema.snapshot.txt"));
});

test("two that migrate at once do no harm, and a second run has nothing to do", async () => {
  const [first, second] = await Promise.all([migrate(url, "up", log), migrate(url, "up", log)]);
  expect([...first, ...second].toSorted()).toEqual([...new Set([...first, ...second])].toSorted());
  expect(await migrate(url, "up", log)).toEqual([]);
});
