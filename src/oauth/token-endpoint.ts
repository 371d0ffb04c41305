import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Carried } from '../credentials/contract.ts'
import { carriedOf } from '../exchange/carried.ts'
import type { Answer, Asked, Parameters, Road } from '../exchange/contract.ts'
import { exchange } from '../exchange/exchange.ts'
import { parseForm } from '../exchange/form.ts'
import { isKnownParameter } from '../exchange/grants.ts'
import type { Clock } from '../lib/clock.ts'
import { Refusal } from '../refusal.ts'
import { type CertificateRules, certificatesOf, remoteOf } from '../server/client-certificate.ts'
import { readBody } from './body.ts'
import { type Dialect, standard } from './dialect.ts'
import { dpopNonce } from './dpop-nonce.ts'
import { wireOf } from './refusals.ts'

/** Requests under way at once in one process; beyond it the next is told to come back, before anything is computed for it (L5). */
export const MAX_UNDER_WAY = 1024
const NOTHING: Parameters = new Map()
const EMPTY: Carried = Object.freeze({ bodyDigest: () => '' })
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** `POST /token`, and wherever else a dialect of it is spoken: reads the request, has it exchanged, writes the answer. Answers in every case. */
export function tokenEndpoint(
  road: Road,
  certificates: CertificateRules,
  dialect: Dialect = standard,
): (message: IncomingMessage, response: ServerResponse, id: string) => Promise<void> {
  const { clock, snapshots } = road
  const rules: RequestRules = {
    clock,
    certificates,
    isParameter: isKnownParameter,
    read: (parameters) => dialect.read(parameters, snapshots),
  }
  let underWay = 0
  return async (message, response, id) => {
    // Not before it is all here: who keeps back the rest of a body must not take the place of who does not.
    const request = await readRequest(message, id, rules)
    if (underWay >= MAX_UNDER_WAY) {
      road.events.uncounted('overloaded')
      const refusal = new Refusal('overloaded', `${underWay} requests are under way`, { retryAfter: 1 })
      writeAnswer(response, { granted: false, id, grant: '', refusal }, message, dpopNonce(message, road))
      return
    }
    underWay++
    try {
      const answer = dialect.say(await exchange(request, road))
      writeAnswer(response, answer, message, dpopNonce(message, road))
    } finally {
      underWay--
    }
  }
}

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

/** Token response (RFC 6749 §5.1, RFC 8693 §2.2.1: TE-20 to TE-25) or error response (§5.2), in one write; `further` are header fields that either has. */
export function writeAnswer(
  response: ServerResponse,
  answer: Answer,
  message: IncomingMessage,
  further?: Readonly<Record<string, string>>,
): void {
  if (answer.granted) {
    const { token, tokenType, usage, expiresIn, scopes, authorizationDetails } = answer.token
    const scope = scopes.length === 0 ? '' : `,"scope":${JSON.stringify(scopes.join(' '))}`
    const details =
      authorizationDetails.length === 0 ? '' : `,"authorization_details":${asciiJson(authorizationDetails)}` // RA-03
    // The type of what was issued is said of an exchange (TE-22), and an assertion grant has an ordinary answer (JG-09).
    const issued = answer.grant === 'token-exchange' ? `"issued_token_type":"${tokenType}",` : ''
    const body = `{"access_token":"${token}",${issued}"token_type":"${usage}","expires_in":${expiresIn}${scope}${details}}`
    write(response, 200, answer.id, body, further)
    return
  }
  const { status, error, description } = wireOf(answer.refusal, answer.grant)
  const headers: Record<string, string> = { ...further }
  if (status === 503) headers['Retry-After'] = String(answer.refusal.retryAfter ?? 1)
  if (status === 401 && message.headers['authorization'] !== undefined)
    headers['WWW-Authenticate'] = challenge(message.headers['authorization'])
  if (status === 413) headers['Connection'] = 'close'
  write(
    response,
    status,
    answer.id,
    JSON.stringify({ error, error_description: description, request_id: answer.id }),
    headers,
  )
}

/** RFC 6749 §5.2: a challenge for the scheme that was tried. */
function challenge(authorization: string): string {
  if (/^wpt\b/i.test(authorization)) return 'WPT' // without parameters (W-47)
  return /^basic\b/i.test(authorization) ? 'Basic realm="cambist"' : 'Bearer realm="cambist"'
}

/** JSON in which what is no ASCII is escaped. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Everything that is said here is ASCII (tokens, scope tokens, fixed sentences), so head and body leave as one latin1 text. */
function write(
  response: ServerResponse,
  status: number,
  id: string,
  body: string,
  more?: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    'Cambist-Request-Id': id,
    ...more,
  })
  response.end(body, 'latin1')
}
