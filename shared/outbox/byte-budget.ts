/**
 * Bytes of content that one read of the outbox brings into memory, about; the first row comes whatever its size. What
 * is beyond stays in the outbox for the next batch: a window of rows alone could ask for gigabytes.
 */
export const BYTE_BUDGET = 16 * 1024 * 1024;
