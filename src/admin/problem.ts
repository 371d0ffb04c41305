import type { Doubt } from '../documents/doubts.ts'
import { type DocumentFault, DocumentFaults, sentence } from '../documents/faults.ts'
import {
  ApprovalRefused,
  ConfirmationNeeded,
  PendingDecided,
  PreconditionFailed,
  VersionConflict,
  WriteRefused,
} from '../documents/objections.ts'
import { Faults } from '../lib/fault.ts'
import { Refusal } from '../refusal.ts'

/** A refusal of this door, as RFC 9457 says it. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The request id. */
  readonly instance?: string
  readonly faults?: readonly Partial<DocumentFault>[]
  /** The version in force, in a conflict. */
  readonly version?: number
  /** What a change asks a yes for. */
  readonly doubts?: readonly Doubt[]
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not permitted',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Too slow',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  428: 'Precondition required',
  500: 'Internal error',
  503: 'Not available now',
}

/** Most faults that one answer lists; the rest is counted. */
const MAX_FAULTS = 200

/** Thrown by a handler to refuse; the door writes it. */
export class Problem extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly members: Partial<ProblemBody>

  constructor(
    status: number,
    detail: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>
      readonly members?: Partial<ProblemBody>
      /** What was behind it, for the log and never for the caller. */
      readonly cause?: unknown
    } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Problem'
    this.status = status
    this.headers = options.headers ?? {}
    this.members = options.members ?? {}
  }

  body(instance: string): ProblemBody {
    return {
      type: 'about:blank',
      title: TITLES[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
      instance,
      ...this.members,
    }
  }
}

/** What anything that was thrown means to the caller; undefined where it is an error of our own. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error
  if (error instanceof Faults) return ofFaults(error)
  if (error instanceof VersionConflict) {
    return new Problem(409, error.message, {
      members: { type: 'urn:cambist:problem:version-conflict', version: error.current },
    })
  }
  if (error instanceof WriteRefused || error instanceof ApprovalRefused) return new Problem(403, error.message)
  if (error instanceof PreconditionFailed) return new Problem(412, error.message)
  if (error instanceof PendingDecided) {
    return new Problem(409, error.message, { members: { type: 'urn:cambist:problem:change-decided' } })
  }
  if (error instanceof ConfirmationNeeded) return ofDoubts(error)
  if (error instanceof Refusal && error.retryAfter !== undefined) {
    return new Problem(503, error.detail, { headers: { 'Retry-After': String(error.retryAfter) } })
  }
  return undefined
}

function ofDoubts({ message, doubts }: ConfirmationNeeded): Problem {
  const remedy = 'nothing was changed; say confirm=true where this is meant'
  return new Problem(409, `${message}; ${remedy}`, {
    members: {
      type: 'urn:cambist:problem:confirmation-needed',
      title: 'The change asks for a yes; nothing was changed',
      doubts,
    },
  })
}

function ofFaults(error: Faults): Problem {
  const faults =
    error instanceof DocumentFaults
      ? error.faults
      : error.faults.map(({ path, message }) => ({ kind: '', name: '', path, message }))
  const [first] = faults
  const more = faults.length - 1
  const detail = first === undefined ? error.message : sentence(first)
  return new Problem(400, `${detail}${more > 0 ? ` (and ${more} more; see faults)` : ''}`, {
    members: {
      type: 'urn:cambist:problem:faults',
      title:
        error instanceof DocumentFaults
          ? 'The documents cannot be taken; nothing was changed'
          : 'The request cannot be taken; nothing was changed',
      faults: faults.slice(0, MAX_FAULTS),
    },
  })
}
