/**
 * Codes of a connection that never came about, so that no request can have left: Node's system errors (errors.md, "Common
 * system errors"; getaddrinfo's EAI_*), undici's own beside them, and TLS that was refused before anything was said.
 */
const NEVER_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

const DEEPEST = 10;

/**
 * Finds the error that says that nothing was connected, and so nothing asked: the error itself or one of its causes, for
 * fetch and most clients wrap the socket's. Several addresses that were tried count only if none of them answered.
 *
 * @returns undefined when the request may have left.
 */
export function neverConnected(error: unknown, depth = 0): (Error & { readonly code: string }) | undefined {
  if (!(error instanceof Error) || depth > DEEPEST) return undefined;
  if (isSuch(error)) return error;
  if (error instanceof AggregateError) {
    const found = error.errors.map((inner: unknown) => neverConnected(inner, depth + 1));
    if (found.length > 0 && found.every((one) => one !== undefined)) return found[0];
  }
  return neverConnected(error.cause, depth + 1);
}

function isSuch(error: Error): error is Error & { readonly code: string } {
  return "code" in error && typeof error.code === "string" && NEVER_CONNECTED.has(error.code);
}
