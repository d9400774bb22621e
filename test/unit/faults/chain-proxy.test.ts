import { afterEach, beforeEach, expect, test } from "vitest";
import { type HttpService, json, serveHttp } from "../../../services/local/outside/serve-http.ts";
import { type ChainProxy, startChainProxy } from "../../faults/world/charges/chain-proxy.ts";
import { randomOf } from "../../faults/world/random.ts";

let node: HttpService;
let proxy: ChainProxy;
let done: string[];

beforeEach(async () => {
  done = [];
  node = await serveHttp(0, ({ body }) => {
    done.push((JSON.parse(body) as { method: string }).method);
    return json(200, { result: "0x1" });
  });
  proxy = await startChainProxy(`http://127.0.0.1:${node.port}`, randomOf(1, "proxy"));
});
afterEach(async () => {
  await proxy.stop();
  await node.stop();
});

const SEND = "eth_sendRawTransaction";
const call = (method: string) => fetch(proxy.url, { method: "POST", body: JSON.stringify({ method }) });

test("passes everything on while nothing is wrong", async () => {
  expect(await (await call(SEND)).json()).toEqual({ result: "0x1" });
  expect([done, proxy.struck()]).toEqual([[SEND], {}]);
});

test("cuts the connection after the node has done it", async () => {
  proxy.misbehave({ cutAfter: 1 }, {});
  await expect(call(SEND)).rejects.toThrow("fetch failed");
  expect([done, proxy.struck()]).toEqual([[SEND], { "chain: cutAfter (transfer)": 1 }]);
});

test.each([
  ["unavailableAfter", 503, 1],
  ["unavailable", 503, 0],
  ["tooMany", 429, 0],
] as const)("%s is answered with %i, and reaches the node %i times", async (fault, status, times) => {
  proxy.misbehave({}, { [fault]: 1 });
  expect((await call("eth_getBalance")).status).toBe(status);
  expect(done).toHaveLength(times);
  expect((await call(SEND)).status).toBe(200);
});
