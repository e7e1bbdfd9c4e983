/**
 * An expected failure: bad YAML, an unreadable image, a model without the named layer. It is shown to the person as one
 * paragraph (what, where, what to do) without a stack. Everything else that is thrown is a bug.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** An expected failure that lies in the value of one parameter, by its name: who knows says where that is written. */
export class ParameterError extends UserError {
  readonly parameter: string;
  /** What would be right. */
  readonly hint: string | undefined;
  constructor(parameter: string, message: string, hint?: string) {
    super(message);
    this.parameter = parameter;
    this.hint = hint;
  }
}

/** True for expected failures, also after a trip through a worker thread (which keeps the name, not the class). */
export function isUserError(error: unknown): error is UserError {
  return error instanceof Error && error.name === 'UserError';
}
