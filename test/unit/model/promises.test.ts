import { expect, test } from "vitest";
import { jobModel } from "../../model/job-model.ts";
import { search } from "../../model/search.ts";
import { bent, SETTINGS } from "../../model/settings.ts";

/** On a machine that has other things to do, too. */
const PATIENCE_MS = 60_000;

test.each(Object.entries(SETTINGS))(
  "a job whose handler is %s keeps every promise, whatever order things happen in",
  (_, setting) => {
    const { worlds, violation } = search(jobModel(setting));
    expect(violation).toBeUndefined();
    expect(worlds).toBeGreaterThan(500);
  },
  PATIENCE_MS,
);

test.each(["keyed, asks and makes the key void", "at most once", "database effects"])(
  "a letter of a handler that is %s can be sent again without harm",
  (name) => {
    const replayed = bent(name, { people: ["replay"], expires: false });
    expect(search(jobModel(replayed)).violation).toBeUndefined();
  },
  PATIENCE_MS,
);
