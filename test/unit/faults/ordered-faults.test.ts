import { expect, onTestFinished, test } from "vitest";
import { ChatFault } from "../../../services/local/outside/chat/chat-fault.ts";
import { faultRoutes } from "../../../services/local/outside/fault-routes.ts";
import { Faults } from "../../../services/local/outside/faults.ts";
import { serveHttp } from "../../../services/local/outside/serve-http.ts";
import { orderFaults } from "../../faults/world/ordered-faults.ts";

test("faults are counted under their names as often as they strike, and are gone when they are cleared", async () => {
  const { url, strike } = await serveFaults();
  const faults = orderFaults(url);
  await faults.order([
    { name: "broken", fault: { kind: "5xx", count: 2, to: "1" } },
    { name: "broken", fault: { kind: "5xx", count: 2, to: "2" } },
    { name: "busy", fault: { kind: "429", count: 9 } },
    { name: "late", fault: { kind: "slow", count: 9 } },
  ]);
  strike("5xx", "1");
  strike("5xx", "2");
  strike("429", "3");
  await faults.clear("429");
  expect(faults.struck()).toEqual({ broken: 2, busy: 1, late: 0 });
  expect(strike("429", "3")).toBeUndefined();

  // It was used up, and is asked for anew.
  strike("5xx", "1");
  await faults.order([{ name: "broken", fault: { kind: "5xx", count: 1, to: "1" } }]);
  strike("5xx", "1");
  strike("slow", "1");
  await faults.clear();
  expect(faults.struck()).toEqual({ broken: 4, busy: 1, late: 1 });
  expect(strike("slow", "1")).toBeUndefined();
});

async function serveFaults() {
  const faults = new Faults<ChatFault>();
  const routes = faultRoutes(ChatFault, faults);
  const server = await serveHttp(0, (request) => {
    const name = `${request.method} ${request.url.pathname}`;
    if (name === "GET /faults") return routes["GET /faults"]();
    return name === "POST /faults" ? routes["POST /faults"](request) : routes["DELETE /faults"](request);
  });
  onTestFinished(() => server.stop());
  const strike = (kind: ChatFault["kind"], to: string) => faults.take([kind], [to]);
  return { url: `http://127.0.0.1:${server.port}`, strike };
}
