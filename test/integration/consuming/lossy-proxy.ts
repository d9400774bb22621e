import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to PostgreSQL that can lose the answer to a statement after the server has carried it out. */
export interface LossyProxy {
  /** The database's address through it. */
  readonly url: string;
  /** Cuts the connection that next sends `text`, when the server has answered it; the answer never arrives. */
  readonly loseAnswerTo: (text: string, how: "close" | "reset") => Promise<void>;
  readonly close: () => void;
}

interface Trap {
  readonly text: string;
  readonly how: "close" | "reset";
  readonly sprung: () => void;
}

/** Listens on a free port and forwards to the database of `url`. */
export async function makeLossyProxy(url: string): Promise<LossyProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let trap: Trap | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let armed: Trap | undefined;
    const end = (how: "close" | "reset") => {
      if (how === "reset") client.resetAndDestroy();
      else client.destroy();
      upstream.destroy();
    };
    client.on("data", (data) => {
      if (trap !== undefined && data.includes(trap.text)) [armed, trap] = [trap, undefined];
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (armed === undefined) return client.write(data);
      armed.sprung();
      return end(armed.how);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => end("close")).on("close", () => end("close"));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as AddressInfo).port);
  return {
    url: address.href,
    loseAnswerTo: (text, how) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      trap = { text, how, sprung: resolve };
      return promise;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
