/**
 * cli/ owns the operator's door: commands, what they print, and their exit codes. A command is a client of the
 * administrators' door or of the token endpoint, or it starts the server; it decides nothing that a door decides.
 */
import type { Command } from 'commander'
import type { CliEnvironment } from '../config/environment.ts'

/** Exit codes (interfaces.md, "The command line"). */
export const EXIT = { done: 0, failed: 1, usage: 2, configuration: 78 } as const

/** What a command reads and writes with. */
export interface Terminal {
  readonly environment: CliEnvironment
  out(text: string): void
  /** For people: hints and troubles, never results. */
  err(text: string): void
  /** Whether `err` goes to a screen, where a line can be written over. */
  readonly screen?: boolean
  /** The standard input, whole. */
  input(): Promise<string>
}

/** One command: a file in commands/ and a line in commands/index.ts. */
export interface CliCommand {
  readonly name: string
  readonly summary: string
  /** Shown under --help: what to type, and what that does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** Declares arguments and options, and what runs; what runs answers an exit code. */
  define(command: Command, run: Run): void
}

/** Does a command's work, which answers an exit code. */
export type Run = (work: (terminal: Terminal) => Promise<number> | number) => Promise<void>

/** A command cannot do what it was asked to: one or two sentences, what, where, and the remedy. */
export class CommandFailure extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message)
    this.name = 'CommandFailure'
    this.exitCode = exitCode
  }
}
