/**
 * The one error type that tsrun throws on purpose: a stable code, a message that names what was wrong,
 * and where it helps a hint that says what to do. The kernel's own refusals are SyscallError
 * (src/kernel/errors.ts) and travel as `cause`. Every code is documented in docs/errors.md.
 */
export class TsrunError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** The CLI's exit code for this error: 125 tsrun failed, 126 not executable, 127 not found. */
  readonly exitCode: number;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; exitCode?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TsrunError";
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 125;
  }
}

export type ErrorCode = `ERR_TSRUN_${string}`;
