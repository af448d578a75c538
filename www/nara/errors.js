// What goes wrong, as a real Error with a code that callers can branch on.

/** An error of light-nara; `code` is one of the `NaraErrorCode`s in index.d.ts. */
export class NaraError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "NaraError";
    this.code = code;
  }
}

/** Turns what the core says, `{code, message}` and what belongs to the code, into a NaraError; leaves other errors alone. */
export function fromCore(error) {
  if (typeof error?.code !== "string" || error instanceof Error) return error;
  const { code, message, ...details } = error;
  return Object.assign(new NaraError(code, message), details);
}
