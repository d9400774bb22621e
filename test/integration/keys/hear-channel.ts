import { listen } from "#shared/database/listen.ts";
import { createLogger } from "#shared/log/logger.ts";

/** Hears a channel of PostgreSQL's notifications until `stop`. */
export async function hearChannel(url: string, channel: string) {
  const end = new AbortController();
  const connected = Promise.withResolvers<void>();
  const payloads: string[] = [];
  const listening = listen({
    url,
    name: "duly test listen",
    channels: [channel],
    log: createLogger("test", "silent"),
    signal: end.signal,
    onNotify: (from, payload) => {
      if (from === undefined) connected.resolve();
      else payloads.push(payload);
    },
  });
  await connected.promise;
  const stop = async () => {
    end.abort();
    await listening;
  };
  return { payloads, stop };
}
