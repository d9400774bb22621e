import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { RateLimitedError, UnknownOutcomeError, UnreachableError } from "#shared/index.ts";
import { ChainClient } from "../../../services/payments/chain/chain-client.ts";

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  if (server?.listening) await once(server, "close");
});

/** A node that gives every request the same treatment. */
async function nodeThat(
  answer: Parameters<typeof createServer>[1],
  patienceMs = 10_000,
): Promise<ChainClient> {
  server = createServer(answer as () => void).listen(0, "127.0.0.1");
  await once(server, "listening");
  return new ChainClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, patienceMs);
}

const silence = () => undefined;
const words = (message: string) => (_: unknown, response: { end: (text: string) => void }) =>
  response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: -32_000, message } }));
const status =
  (code: number) => (_: unknown, response: { writeHead: (code: number) => void; end: () => void }) => {
    response.writeHead(code);
    response.end();
  };

test("an offer that is not answered in time has an unknown outcome, a question that is not counts as unreachable", async () => {
  const chain = await nodeThat(silence, 200);
  await expect(chain.offer("0x02")).rejects.toBeInstanceOf(UnknownOutcomeError);
  await expect(chain.balanceOf("0x000000000000000000000000000000000000dEaD")).rejects.toBeInstanceOf(
    UnreachableError,
  );
});

test("a closed port is unreachable for an offer too: nothing was handed over", async () => {
  const chain = await nodeThat(silence);
  server?.close();
  await once(server!, "close");
  await expect(chain.offer("0x02")).rejects.toBeInstanceOf(UnreachableError);
});

test("a gateway's 502 leaves an offer in doubt, a 429 asks for patience", async () => {
  await expect((await nodeThat(status(502))).offer("0x02")).rejects.toBeInstanceOf(UnknownOutcomeError);
  await expect((await nodeThat(status(429))).offer("0x02")).rejects.toBeInstanceOf(RateLimitedError);
});

test("known words are answers, unknown ones leave an offer in doubt", async () => {
  expect(await (await nodeThat(words("already known"))).offer("0x02")).toMatchObject({ answer: "accepted" });
  expect(await (await nodeThat(words("nonce too low"))).offer("0x02")).toMatchObject({ answer: "nonceUsed" });
  const puzzled = await nodeThat(words("something else"));
  await expect(puzzled.offer("0x02")).rejects.toThrow(/something else/);
});

test("a failed question about the chain's id is asked again", async () => {
  let asked = 0;
  const chain = await nodeThat((_, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(503).end();
    else response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: "0x7a69" }));
  });
  await expect(chain.chainId()).rejects.toBeInstanceOf(UnreachableError);
  expect(await chain.chainId()).toBe(31_337);
  expect(await chain.chainId()).toBe(31_337);
  expect(asked).toBe(2);
});
