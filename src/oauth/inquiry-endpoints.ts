import type { IncomingMessage, ServerResponse } from 'node:http'
import { isInquiryParameter } from '../issued/caller.ts'
import type { InquiryRoad, RevocationRoad } from '../issued/contract.ts'
import { introspect } from '../issued/introspect.ts'
import { revoke } from '../issued/revoke.ts'
import { ownFailure, Refusal } from '../refusal.ts'
import type { CertificateRules } from '../server/client-certificate.ts'
import { writeAnswer } from './answer.ts'
import { dpopNonce } from './dpop-nonce.ts'
import { type Endpoint, MAX_UNDER_WAY, type RequestRules, readRequest } from './posted-form.ts'

/** What is told of inquiries as they happen. `outcome` is `active`, `inactive`, `revoked`, `nothing`, or the reason of a refusal. */
export interface InquiryEvents {
  inquired(endpoint: 'introspect' | 'revoke', outcome: string): void
  failed(id: string, error: unknown): void
}

/** What of requests about tokens the door needs beside what answers them. */
interface Inquiring {
  readonly events: InquiryEvents
}

const SIGNED = 'application/token-introspection+jwt'

/** `POST /introspect` (RFC 7662), with signed answers for whoever asks for them (RFC 9701, JI-01). */
export const introspectionEndpoint = (road: InquiryRoad & Inquiring, certificates: CertificateRules): Endpoint =>
  inquiryEndpoint('introspect', road, certificates, async (message, response, asked) => {
    const signed = wantsSigned(message.headers.accept)
    const { active, answer } = await introspect(asked, signed, road)
    if (typeof answer === 'string') writeBody(response, asked.id, answer, SIGNED)
    else writeBody(response, asked.id, JSON.stringify(answer), 'application/json')
    return active ? 'active' : 'inactive'
  })

/** `POST /revoke` (RFC 7009). */
export const revocationEndpoint = (road: RevocationRoad & Inquiring, certificates: CertificateRules): Endpoint =>
  inquiryEndpoint('revoke', road, certificates, async (_, response, asked) => {
    const outcome = await revoke(asked, road)
    writeBody(response, asked.id, '')
    return outcome
  })

type Answering = (
  message: IncomingMessage,
  response: ServerResponse,
  asked: Awaited<ReturnType<typeof readRequest>>,
) => Promise<string>

/** Reads the request, has it answered, and writes what is refused. Answers in every case. */
function inquiryEndpoint(
  name: 'introspect' | 'revoke',
  road: InquiryRoad & Inquiring,
  certificates: CertificateRules,
  answering: Answering,
): Endpoint {
  const { clock, events } = road
  const rules: RequestRules = { clock, certificates, isParameter: isInquiryParameter, read: (parameters) => parameters }
  let underWay = 0
  return async (message, response, id) => {
    const asked = await readRequest(message, id, rules)
    for (const [name, value] of Object.entries(dpopNonce(message, road) ?? {})) response.setHeader(name, value)
    underWay++
    try {
      if (underWay > MAX_UNDER_WAY)
        throw new Refusal('overloaded', `${underWay} requests are under way`, { retryAfter: 1 })
      events.inquired(name, await answering(message, response, asked))
    } catch (error) {
      const refusal = refusalOf(error, id, events)
      events.inquired(name, refusal.reason)
      writeAnswer(response, { granted: false, id, grant: '', refusal }, message)
    } finally {
      underWay--
    }
  }
}

function refusalOf(error: unknown, id: string, events: InquiryEvents): Refusal {
  if (error instanceof Refusal) return error
  events.failed(id, error)
  return ownFailure(error)
}

/** Whether the signed answer is asked for by its own name, and JSON is not liked better (RFC 9110 §12.5.1). */
function wantsSigned(accept: string | undefined): boolean {
  if (accept === undefined || !accept.toLowerCase().includes(SIGNED)) return false
  const quality = qualitiesOf(accept)
  const signed = quality.get(SIGNED) ?? 0
  return signed > 0 && signed >= (quality.get('application/json') ?? 0)
}

function qualitiesOf(accept: string): ReadonlyMap<string, number> {
  const qualities = new Map<string, number>()
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    qualities.set(type, q === undefined ? 1 : Number(q))
  }
  return qualities
}

/** An answer that nobody keeps (IN-06). */
function writeBody(response: ServerResponse, id: string, body: string, type?: string): void {
  response.writeHead(200, {
    ...(type === undefined ? {} : { 'Content-Type': type }),
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    'Cambist-Request-Id': id,
  })
  response.end(body)
}
