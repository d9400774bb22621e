import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server that can be cut, also just after the server did what it was asked and before it could say so. */
export interface LossyProxy {
  /** The server's address through it. */
  readonly url: string;
  /** Cuts the connection that next sends `text`, when the server has answered it; the answer never arrives. */
  readonly loseAnswerTo: (text: string, how: "close" | "reset") => Promise<void>;
  /** Cuts every connection without a word; gives how many there were. */
  readonly cut: () => number;
  readonly close: () => void;
}

interface Trap {
  readonly text: string;
  readonly how: "close" | "reset";
  readonly sprung: () => void;
}

/** Listens on a free port and forwards to the server of `url`. */
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
      socket
        .on("error", () => end("close"))
        .on("close", () => {
          sockets.delete(socket);
          end("close");
        });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as AddressInfo).port);
  const cut = () => {
    const cutNow = [...sockets];
    for (const socket of cutNow) socket.resetAndDestroy();
    return cutNow.length / 2;
  };
  return {
    url: address.href,
    loseAnswerTo: (text, how) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      trap = { text, how, sprung: resolve };
      return promise;
    },
    cut,
    close: () => {
      server.close();
      cut();
    },
  };
}
