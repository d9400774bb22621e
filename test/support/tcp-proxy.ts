import { once } from "node:events";
import { createServer, connect as open, type Socket } from "node:net";

/** A wire to the broker that can be cut. */
export interface TcpProxy {
  /** The broker's address by way of this wire. */
  readonly url: string;
  /** Cuts every connection, as a broken network would: no goodbye. Returns how many there were. */
  readonly cut: () => number;
  /** From now on (true) every connection is refused, or (false) taken again. */
  readonly refuse: (refused: boolean) => void;
  /** How many connections were refused so far. */
  readonly refusals: () => number;
  /** From now on (true) nothing of what the broker says comes through, or (false) it does again. */
  readonly silence: (silent: boolean) => void;
  /** Loses everything that the open connections send from now on. */
  readonly swallow: () => void;
  /** From now on (true) nothing of what is sent to the broker comes through, or (false) all of it does. */
  readonly hold: (held: boolean) => void;
  /** The broker says on every open connection that it takes no messages for now, or that it takes them again. */
  readonly alarm: (begins: boolean) => void;
  /** How many connections were taken so far. */
  readonly taken: () => number;
  readonly close: () => Promise<void>;
}

/** Method frames of channel 0 (AMQP 0-9-1 §2.3.5): class 10, RabbitMQ's blocked with its reason, and unblocked. */
const BLOCKED = Buffer.from("01000000000008000a003c036c6f77ce", "hex");
const UNBLOCKED = Buffer.from("01000000000004000a003dce", "hex");

/** Lays a wire to a broker. */
export async function layWire(brokerUrl: string): Promise<TcpProxy> {
  const broker = new URL(brokerUrl);
  const pairs = new Set<readonly [near: Socket, far: Socket]>();
  let refused = false;
  let refusals = 0;
  let silent = false;
  let taken = 0;
  const server = createServer((near) => {
    if (refused) {
      refusals += 1;
      near.destroy();
      return;
    }
    taken += 1;
    const far = open(Number(broker.port), broker.hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on("error", end).on("close", end).pipe(far);
    far.on("error", end).on("close", end).pipe(near);
    if (silent) far.unpipe(near).pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const near = new URL(brokerUrl);
  near.host = `127.0.0.1:${address.port}`;
  const cut = () => {
    const open = [...pairs];
    for (const [one, other] of open) {
      one.destroy();
      other.destroy();
    }
    return open.length;
  };
  return {
    url: near.href,
    cut,
    refuse: (wanted) => {
      refused = wanted;
    },
    refusals: () => refusals,
    silence: (wanted) => {
      silent = wanted;
      for (const [one, other] of pairs) {
        if (wanted) other.unpipe(one).pause();
        else other.pipe(one);
      }
    },
    swallow: () => {
      for (const [one, other] of pairs) one.unpipe(other).resume();
    },
    hold: (held) => {
      for (const [one, other] of pairs) {
        if (held) one.unpipe(other).pause();
        else one.pipe(other);
      }
    },
    alarm: (begins) => {
      for (const [one] of pairs) one.write(begins ? BLOCKED : UNBLOCKED);
    },
    taken: () => taken,
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
