import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Link, layLink } from "../../faults/world/link.ts";

test("a link that is shut resets what is connected and refuses what comes, until it is opened", async () => {
  const link = await layEcho();
  const before = dial(link);
  expect(await echo(before, "one")).toBe("one");

  const broken = errorOf(before);
  await link.shut();
  expect(await broken).toMatchObject({ code: "ECONNRESET" });
  expect(await errorOf(dial(link))).toMatchObject({ code: "ECONNREFUSED" });

  await link.open();
  expect(await echo(dial(link), "two")).toBe("two");
});

test("a link that swallows delivers late what was said meanwhile", async () => {
  const link = await layEcho();
  const socket = dial(link);
  expect(await echo(socket, "one")).toBe("one");
  link.swallow();
  const answer = echo(socket, "two");
  link.heal();
  expect(await answer).toBe("two");
});

async function layEcho(): Promise<Link> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // the link broke
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const link = await layLink("test", `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(async () => {
    await link.close();
    server.close();
  });
  return link;
}

function dial(link: Link): Socket {
  const socket = connect(Number(new URL(link.url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, "data");
  socket.write(text);
  const [data] = (await answer) as [Buffer];
  return data.toString();
}

async function errorOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once("error", resolve);
  });
}
