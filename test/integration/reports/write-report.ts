import { openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { COLUMNS, streamTransactions } from "../../../services/reports/stream-transactions.ts";
import { writeCsv } from "../../../services/reports/write-csv.ts";

// A process of its own, so that its memory can be bounded: writes one report and prints the number of its rows.
const [url = "", path = "", from = "", until = ""] = process.argv.slice(2);
const log = createLogger("test", "fatal");
const db = openDatabase({ url, name: "duly test", connections: 1, log });
const signal = new AbortController().signal;
const rows = streamTransactions(db, { from, until });
console.log(await writeCsv({ path, columns: COLUMNS, rows, onRow: () => undefined, signal }));
await db.destroy();
