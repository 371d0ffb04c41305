import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Carried } from '../credentials/contract.ts'
import { carriedOf } from '../exchange/carried.ts'
import type { Asked, Parameters } from '../exchange/contract.ts'
import { parseForm } from '../exchange/form.ts'
import type { Clock } from '../lib/clock.ts'
import { Refusal } from '../refusal.ts'
import { type CertificateRules, certificatesOf, remoteOf } from '../server/client-certificate.ts'
import { readBody } from './body.ts'

/** Requests under way at once in one process; beyond it the next is told to come back, before anything is computed for it (L5). */
export const MAX_UNDER_WAY = 1024
const NOTHING: Parameters = new Map()
const EMPTY: Carried = Object.freeze({ bodyDigest: () => '' })
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** Answers what is posted to one path, in every case. */
export type Endpoint = (message: IncomingMessage, response: ServerResponse, id: string) => Promise<void>

/** What a form is read with. */
export interface RequestRules {
  readonly clock: Clock
  readonly certificates: CertificateRules
  /** Whether a name is one of parameters, which belong into the body. */
  isParameter(name: string): boolean
  /** The parameters as the standards have them. Throws Refusal. */
  read(parameters: Parameters): Parameters
}

/** Reads a form that is posted. What is wrong with it stands in `refusal`. */
export async function readRequest(
  message: IncomingMessage,
  id: string,
  { clock, certificates, isParameter, read }: RequestRules,
): Promise<Asked> {
  const opening = {
    id,
    receivedAt: clock.now(),
    startedAt: clock.monotonic(),
    remote: remoteOf(message, certificates.proxies),
    traceId: traceIdOf(message.headers['traceparent']),
  }
  try {
    const certificate = certificatesOf(message, certificates)
    checkHead(message, isParameter)
    const body = await readBody(message)
    const parameters = read(parseForm(body))
    return { ...opening, parameters, carried: carriedOf(message, body, certificate) }
  } catch (error) {
    if (error instanceof Refusal) return { ...opening, parameters: NOTHING, carried: EMPTY, refusal: error }
    throw error
  }
}

/** What can be refused before the body is read. */
function checkHead({ url = '', headers }: IncomingMessage, isParameter: RequestRules['isParameter']): void {
  const query = url.indexOf('?')
  if (query >= 0) {
    // Other members are ignored: clients add their own (interfaces.md, "At /token").
    for (const name of new URLSearchParams(url.slice(query + 1)).keys()) {
      if (isParameter(name)) throw new Refusal('parameter_in_query', `${name} came in the query`)
    }
  }
  checkMediaType(headers['content-type'] ?? '')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new Refusal('media_type', 'the body has a Content-Encoding')
}

const FORM = 'application/x-www-form-urlencoded'

/** A form in UTF-8; a parameter that says so may stand beside it once. */
function checkMediaType(type: string): void {
  if (type === FORM) return
  const charsets = type.match(/charset/gi)?.length ?? 0
  const [name = ''] = type.split(';')
  if (name.trim().toLowerCase() !== FORM || (charsets > 0 && (charsets > 1 || !UTF8.test(type)))) {
    throw new Refusal(
      'media_type',
      `Content-Type is ${JSON.stringify(type.slice(0, 120))}, and only ${FORM} in UTF-8 is read`,
    )
  }
}

const UTF8 = /;\s*charset="?utf-8"?\s*(;|$)/i

function traceIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? (TRACEPARENT.exec(header)?.[1] ?? '') : ''
}
