/** The short name of an error of the system: ECONNREFUSED, ENOENT, `timed out`. */
export function nameOfError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, cause } = error as NodeJS.ErrnoException & { cause?: unknown }
  if (typeof code === 'string') return code
  if (cause instanceof Error) return nameOfError(cause)
  return error.name === 'TimeoutError' ? 'timed out' : error.message
}
