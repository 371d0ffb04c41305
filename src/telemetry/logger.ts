import { type Logger as PinoLogger, pino } from 'pino'

/**
 * telemetry/ owns what operators see while it runs: log lines, metrics, and events, one function per business event that
 * does both. It holds names and counts, never tokens, keys or secrets (I8); what happened in an exchange is the record's.
 */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>

/** JSON lines on standard output. Only the fields that events name are written; an error is its name, message and stack. */
export function createLogger(level: string, name: string): Logger {
  return pino({
    level,
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}
