import { z } from "zod";

const MAX_TEXT = 4_096;

/** The part of the Cloud API's message request that is understood here: texts. */
export const MessageRequest = z.object({
  messaging_product: z.literal("whatsapp"),
  recipient_type: z.literal("individual").optional(),
  to: z
    .string()
    .regex(/^\+?[\d ()-]+$/, "must be a phone number")
    .transform((phone) => phone.replaceAll(/\D/g, ""))
    .refine(
      (digits) => digits.length >= 7 && digits.length <= 15,
      "must be a phone number of 7 to 15 digits",
    ),
  type: z.literal("text").default("text"),
  text: z.object({ body: z.string().min(1).max(MAX_TEXT), preview_url: z.boolean().optional() }),
  context: z.object({ message_id: z.string() }).optional(),
  biz_opaque_callback_data: z.string().max(512).optional(),
});

/** A request to send a text. */
export type MessageRequest = z.infer<typeof MessageRequest>;
