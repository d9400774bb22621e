import { expect, test, vi } from "vitest";
import { PermanentError, RetryableError, UnknownOutcomeError, UnreachableError } from "#shared/index.ts";
import { REFUSED_RECIPIENT } from "../../../services/local/outside/chain/ensure-token.ts";
import { TOKEN_ABI } from "../../../services/local/outside/chain/token-abi.ts";
import { ChainClient } from "../../../services/payments/chain/chain-client.ts";
import { markTransfer } from "../../../services/payments/transfers/transfer-store.ts";
import { paymentsWorld } from "./payments-world.ts";

const world = await paymentsWorld();
const never = new AbortController().signal;
const WAIT = { interval: 10, timeout: 15_000 };

/** A process that dies with its bytes stored and not offered. */
class DyingChain extends ChainClient {
  override offer(): Promise<never> {
    return Promise.reject(new Error("killed here"));
  }
}

/** A node whose answer to an offer never arrives, although it took the bytes. */
class MuteChain extends ChainClient {
  override async offer(raw: `0x${string}`): Promise<never> {
    await super.offer(raw);
    throw new UnknownOutcomeError("no answer");
  }
}

/** A node that turns down the first bytes it is shown. */
class ChoosyChain extends ChainClient {
  #shown = 0;

  override offer(raw: `0x${string}`): ReturnType<ChainClient["offer"]> {
    this.#shown += 1;
    return this.#shown === 1
      ? Promise.resolve({ answer: "refusedForNow", words: "txpool is full" })
      : super.offer(raw);
  }
}

async function storedButNotOffered(payer: Awaited<ReturnType<typeof world.payer>>) {
  const order = await world.order(payer);
  await expect(world.gateway(new DyingChain(world.chainUrl)).pay(order, never)).rejects.toThrow(
    "killed here",
  );
  return order;
}

test("50 payments of one payer through two processes take 50 nonces without a gap and move their tokens once", async () => {
  const payer = await world.payer();
  const gateways = [world.gateway(), world.gateway()];
  const recipient = world.strange();
  const orders = await Promise.all(
    Array.from({ length: 50 }, () => world.order(payer, 1_000_000n, recipient)),
  );
  await world.node.setIntervalMining({ interval: 1 });
  try {
    const receipts = await Promise.all(orders.map((order, index) => gateways[index % 2]!.pay(order, never)));
    expect(new Set(receipts.map(({ transactionHash }) => transactionHash)).size).toBe(50);
  } finally {
    await world.node.setAutomine(true);
  }
  const nonces = (await world.transfersOf(payer)).map(({ nonce }) => nonce);
  expect(nonces.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  expect(await world.balanceOf(recipient)).toBe(50_000_000n);
});

test("bytes stored before a crash are the ones that are mined after it", async () => {
  const payer = await world.payer();
  const order = await storedButNotOffered(payer);
  const [stored] = await world.transfersOf(payer);
  expect(stored).toMatchObject({ nonce: 0, state: "signed" });
  const answer = await world.gateway().find(order, never);
  expect(answer).toMatchObject({ effect: "applied", receipt: { transactionHash: stored?.hash } });
  expect(await world.balanceOf(order.recipient)).toBe(order.amount);
});

test("an offer without an answer leaves an unknown outcome, which asking settles", async () => {
  const order = await world.order(await world.payer());
  const mute = world.gateway(new MuteChain(world.chainUrl));
  await expect(mute.pay(order, never)).rejects.toBeInstanceOf(UnknownOutcomeError);
  expect(await world.gateway().find(order, never)).toMatchObject({ effect: "applied" });
  expect(await world.balanceOf(order.recipient)).toBe(order.amount);
});

test("an aborted wait ends with the signal's reason and leaves the transfer to be found", async () => {
  const order = await world.order(await world.payer());
  const stop = new AbortController();
  await world.node.setAutomine(false);
  try {
    const paid = world.gateway().pay(order, stop.signal);
    const ended = Promise.allSettled([paid]);
    const address = world.wallet.addressOf(order.walletIndex);
    await vi.waitUntil(async () => inPool(address), WAIT);
    stop.abort(new Error("time is up"));
    expect(await ended).toMatchObject([{ status: "rejected", reason: stop.signal.reason as Error }]);
    expect(await world.gateway().find(order, never)).toEqual({ effect: "unknown" });
  } finally {
    await world.node.setAutomine(true);
  }
  await world.node.mine({ blocks: 1 });
  expect(await world.gateway().find(order, never)).toMatchObject({ effect: "applied" });
});

test("a payment that follows a crash sends the forgotten bytes before its own", async () => {
  const payer = await world.payer();
  const forgotten = await storedButNotOffered(payer);
  const next = await world.order(payer);
  await world.gateway().pay(next, never);
  expect(await world.balanceOf(forgotten.recipient)).toBe(forgotten.amount);
  expect((await world.transfersOf(payer)).map(({ nonce }) => nonce)).toEqual([0, 1]);
});

test("two deliveries of one payment at once make one transfer and get its receipt both", async () => {
  const payer = await world.payer();
  const order = await world.order(payer);
  const [one, other] = await Promise.all([
    world.gateway().pay(order, never),
    world.gateway().pay(order, never),
  ]);
  expect(one).toEqual(other);
  expect(await world.transfersOf(payer)).toHaveLength(1);
  expect(await world.balanceOf(order.recipient)).toBe(order.amount);
});

test("a payment waits for an earlier one of its payer whose bytes the node does not take, and takes no nonce", async () => {
  const payer = await world.payer();
  await storedButNotOffered(payer);
  const next = await world.order(payer);
  const error = await world
    .gateway(new ChoosyChain(world.chainUrl))
    .pay(next, never)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "payer_stuck", effect: "none" });
  expect(await world.transfersOf(payer)).toMatchObject([{ nonce: 0, state: "signed" }]);
});

test("a payment with a stored transfer gets no second one, under whatever intent", async () => {
  const payer = await world.payer();
  const order = await storedButNotOffered(payer);
  const later = { ...order, intentKey: `${order.jobId}.2` };
  const receipts = await Promise.all([world.gateway().pay(later, never), world.gateway().pay(order, never)]);
  const again = await world.gateway().pay(order, never);
  expect(new Set([...receipts, again].map(({ transactionHash }) => transactionHash)).size).toBe(1);
  expect(await world.transfersOf(payer)).toHaveLength(1);
  expect(await world.balanceOf(order.recipient)).toBe(order.amount);
});

test.each([
  ["recipient_refused", async () => world.order(await world.payer(), 1n, REFUSED_RECIPIENT)],
  ["insufficient_balance", async () => world.order(await world.payer(), 10n ** 18n)],
  [
    "insufficient_gas_funds",
    async () => {
      const payer = await world.payer();
      await world.node.setBalance({ address: payer.address, value: 1n });
      return world.order(payer);
    },
  ],
])("what would fail with %s is refused before a nonce is used", async (code, makeOrder) => {
  const order = await makeOrder();
  const error = await world
    .gateway()
    .pay(order, never)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PermanentError);
  expect(error).toMatchObject({ code });
  const address = world.wallet.addressOf(order.walletIndex);
  expect(await world.node.getTransactionCount({ address })).toBe(0);
  expect(await world.transfersOf({ id: "", index: order.walletIndex, address })).toEqual([]);
});

test("a chain that cannot be reached is told apart, and nothing is stored", async () => {
  const payer = await world.payer();
  const order = await world.order(payer);
  const gateway = world.gateway(new ChainClient("http://127.0.0.1:9"));
  await expect(gateway.pay(order, never)).rejects.toBeInstanceOf(UnreachableError);
  await expect(gateway.find(order, never)).resolves.toEqual({ effect: "none", closed: true });
  expect(await world.transfersOf(payer)).toEqual([]);
});

test("a nonce whose bytes the node turned down at first sight is the next payment's", async () => {
  const payer = await world.payer();
  const gateway = world.gateway(new ChoosyChain(world.chainUrl));
  const refused = await world.order(payer);
  const error = await gateway.pay(refused, never).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RetryableError);
  expect(error).toMatchObject({ code: "transfer_refused_for_now", effect: "none" });
  await gateway.pay(await world.order(payer), never);
  await gateway.pay({ ...refused, intentKey: `${refused.jobId}.2` }, never);
  expect(await world.transfersOf(payer)).toMatchObject([
    { nonce: 0, state: "refused" },
    { nonce: 0, state: "signed" },
    { nonce: 1, state: "signed" },
  ]);
  expect(await world.balanceOf(refused.recipient)).toBe(refused.amount);
});

test("an intent that was said to have no effect can have none any more", async () => {
  const order = await world.order(await world.payer());
  const gateway = world.gateway();
  expect(await gateway.find(order, never)).toEqual({ effect: "none", closed: true });
  const error = await gateway.pay(order, never).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "intent_void", effect: "none" });
  await gateway.pay({ ...order, intentKey: `${order.jobId}.2` }, never);
  expect(await world.balanceOf(order.recipient)).toBe(order.amount);
});

test("a transfer that the pool lost is offered again while its receipt is awaited", async () => {
  const payer = await world.payer();
  const order = await world.order(payer);
  await world.node.setAutomine(false);
  try {
    const paid = world.gateway().pay(order, never);
    const hash = await vi.waitUntil(async () => (await inPool(payer.address))?.hash, WAIT);
    await world.node.dropTransaction({ hash });
    await vi.waitUntil(async () => (await inPool(payer.address))?.hash === hash, WAIT);
    await world.node.mine({ blocks: 1 });
    expect((await paid).transactionHash).toBe(hash);
  } finally {
    await world.node.setAutomine(true);
  }
});

test("a transfer that the chain mined and reverted is permanent, with the token's reason", async () => {
  const payer = await world.payer();
  const order = await world.order(payer);
  await world.node.setAutomine(false);
  try {
    const paid = world
      .gateway()
      .pay(order, never)
      .catch((thrown: unknown) => thrown);
    await vi.waitUntil(async () => (await inPool(payer.address)) !== undefined, WAIT);
    // The recipient was fine when the transfer left; this goes before it into the same block.
    await world.node.writeContract({
      address: world.token,
      abi: TOKEN_ABI,
      functionName: "setRefused",
      args: [order.recipient, true],
      gas: 100_000n,
      maxFeePerGas: 10n ** 12n,
      maxPriorityFeePerGas: 10n ** 12n,
    });
    await world.node.mine({ blocks: 1 });
    expect(await paid).toMatchObject({ name: "PermanentError", code: "recipient_refused" });
  } finally {
    await world.node.setAutomine(true);
  }
  expect(await world.transfersOf(payer)).toMatchObject([{ nonce: 0, state: "reverted" }]);
});

test("a chain that went back gets its lost transfers again, in the order of their nonces", async () => {
  const payer = await world.payer();
  const gateway = world.gateway();
  const snapshot = await world.node.snapshot();
  const lost = await Promise.all([world.order(payer), world.order(payer)]);
  for (const order of lost) {
    const { transactionHash } = await gateway.pay(order, never);
    await markTransfer(world.own, transactionHash, "confirmed");
  }
  await world.node.revert({ id: snapshot });
  expect(await world.balanceOf(lost[0].recipient)).toBe(0n);
  await gateway.pay(await world.order(payer), never);
  expect(await Promise.all(lost.map(({ recipient }) => world.balanceOf(recipient)))).toEqual(
    lost.map(({ amount }) => amount),
  );
});

test("a transfer whose nonce another transaction took is given up once that is final, not before", async () => {
  const payer = await world.payer();
  const order = await storedButNotOffered(payer);
  const gateway = world.gateway();
  const terms = { chainId: 31_337, token: world.token, recipient: world.strange(), amount: 1n, nonce: 0 };
  const fees = { gas: 100_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n };
  const foreign = await world.wallet.signTransfer(payer.index, { ...terms, ...fees });
  await world.node.sendRawTransaction({ serializedTransaction: foreign.raw });
  expect(await gateway.find(order, never)).toEqual({ effect: "unknown" });
  await world.node.mine({ blocks: 100 });
  expect(await gateway.find(order, never)).toEqual({ effect: "none", closed: true });
  expect(await world.transfersOf(payer)).toMatchObject([{ state: "superseded" }]);
});

async function inPool(address: `0x${string}`) {
  const { pending } = await world.node.getTxpoolContent();
  return pending[address]?.["0"] ?? pending[address.toLowerCase() as typeof address]?.["0"];
}
