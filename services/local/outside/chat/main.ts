import { Faults } from "../faults.ts";
import { runOutside } from "../run-outside.ts";
import { serveHttp } from "../serve-http.ts";
import type { ChatFault } from "./chat-fault.ts";
import { chatRoutes } from "./chat-routes.ts";
import { ChatConfig } from "./config.ts";
import { Conversations } from "./conversations.ts";

await runOutside("chat", ChatConfig, async ({ PORT, CHAT_TOKEN, CHAT_PHONE_ID, DATA_FILE }) => {
  const conversations = new Conversations(DATA_FILE);
  const account = { token: CHAT_TOKEN, phoneId: CHAT_PHONE_ID };
  const http = await serveHttp(PORT, chatRoutes(account, conversations, new Faults<ChatFault>()));
  return {
    addresses: { port: http.port },
    stop: async () => {
      await http.stop();
      conversations.close();
    },
  };
});
