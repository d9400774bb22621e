import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { DeliveryCounter } from "./delivery-counter.ts";

/** The way from some processes to one server, which can lose all that goes over it. */
export interface Link {
  readonly name: string;
  /** The server's address by this way. */
  readonly url: string;
  /**
   * From now on nothing comes through, in either direction: no byte, no goodbye, no refusal; new connections are taken
   * and never answered. As over a dead network, the ends notice by their own timeouts or not at all.
   */
  readonly swallow: () => void;
  /** Lets everything through again; what was under way arrives late, as TCP sends it again. */
  readonly heal: () => void;
  /** Breaks every connection with a reset and refuses new ones, as if the server were gone. */
  readonly shut: () => Promise<void>;
  /** Takes connections again. */
  readonly open: () => Promise<void>;
  /** Deliveries that the broker made over it. */
  readonly deliveries: () => number;
  readonly close: () => Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Lays a link to the server of `target`. */
export async function layLink(name: string, target: string): Promise<Link> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<Pair>();
  /** Ends that went away while nothing came through; the other end hears of it afterwards. */
  const unheard = new Set<Pair>();
  const counters = { counted: 0, open: new Set<DeliveryCounter>() };
  let swallowing = false;

  const end = (pair: Pair) => {
    if (swallowing) {
      unheard.add(pair);
      return;
    }
    pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  };
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: Number(port), host: hostname, noDelay: true });
    const pair = { near, far };
    const counter = new DeliveryCounter();
    pairs.add(pair);
    counters.open.add(counter);
    far.on("data", (data: Buffer) => {
      counter.feed(data);
      if (!near.write(data)) far.pause();
    });
    near.on("data", (data: Buffer) => {
      if (!far.write(data)) near.pause();
    });
    near.on("drain", () => swallowing || far.resume());
    far.on("drain", () => swallowing || near.resume());
    far.on("close", () => {
      counters.counted += counter.count;
      counters.open.delete(counter);
    });
    for (const socket of [near, far]) socket.on("error", () => end(pair)).on("close", () => end(pair));
    if (swallowing) stop(pair);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = new URL(target);
  const near = (server.address() as AddressInfo).port;
  address.host = `127.0.0.1:${near}`;
  return {
    name,
    url: address.href,
    swallow: () => {
      swallowing = true;
      for (const pair of pairs) stop(pair);
    },
    heal: () => {
      swallowing = false;
      for (const pair of unheard) end(pair);
      unheard.clear();
      for (const { near, far } of pairs) {
        near.resume();
        far.resume();
      }
    },
    shut: async () => {
      const closed = once(server, "close");
      server.close();
      for (const pair of pairs) {
        pair.near.resetAndDestroy();
        pair.far.destroy();
      }
      await closed;
    },
    open: async () => {
      const listening = once(server, "listening");
      server.listen(near, "127.0.0.1");
      await listening;
    },
    deliveries: () => [...counters.open].reduce((sum, { count }) => sum + count, counters.counted),
    close: async () => {
      swallowing = false;
      for (const pair of pairs) end(pair);
      server.close();
      await once(server, "close");
    },
  };
}

function stop({ near, far }: Pair): void {
  near.pause();
  far.pause();
}
