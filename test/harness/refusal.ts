import { expect } from 'vitest'
import { wireOf } from '../../src/oauth/refusals.ts'
import { type Reason, Refusal, reasons } from '../../src/refusal.ts'
import type { Answer, Form, TestServer } from './cambist.ts'

export interface Expected {
  /** 400 where it is not said. */
  readonly status?: number
  readonly error: string
  readonly reason: Reason
}

/** The sentences that a refusal may say, whatever it is about (TE-63): a list that no request can add to. */
const SENTENCES: ReadonlySet<string> = new Set(
  reasons.flatMap((reason) =>
    ([undefined, 'client', 'subject', 'assertion', 'actor', 'proof', 'dpop'] as const).map((about) => {
      const refusal = new Refusal(reason, '')
      refusal.about = about
      return wireOf(refusal).description
    }),
  ),
)

/** What the documents and credentials of the tests are made of: none of it belongs into an answer (T25). */
const PRIVATE = /orders|checkout|shop|serviceaccount|kubernetes|cluster|eyJ/i

/**
 * A refusal on the wire and on the record. It answers the record. The clock of the test moves on by a second, since
 * refusals of strangers are recorded at a rate.
 */
export async function expectRefusal(
  server: TestServer,
  answer: Answer,
  { status = 400, error, reason }: Expected,
): Promise<Record<string, unknown>> {
  expectWire(answer, { status, error })
  const record = await server.record(answer.id)
  expect(record).toMatchObject({ outcome: 'refused', reason, granted: null, jti: '', tokenHash: '' })
  server.clock.advance(1)
  return record
}

/** A refusal on the wire, by what the standards say of it and not by our table: status, code, a fixed sentence, and nothing beside it. */
export function expectWire(answer: Answer, { status, error }: { status: number; error: string }): void {
  expect(answer.body).toEqual({ error, error_description: expect.any(String), request_id: answer.id })
  expect(answer.status).toBe(status)
  const description = String(answer.body['error_description'])
  expect(SENTENCES).toContain(description)
  expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/) // RFC 6749 §5.2
  expect(description).not.toMatch(PRIVATE)
  expect(answer.headers.get('Content-Type')).toBe('application/json')
  expect(answer.headers.get('Cache-Control')).toBe('no-store')
  expect(answer.headers.get('Retry-After') !== null).toBe(status === 503)
}

/** An answer of a request that a test has made by itself. */
export async function answerOf(response: Response): Promise<Answer> {
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
    id: response.headers.get('Cambist-Request-Id') ?? '',
  }
}

/** What a refused exchange must look like, beyond its reason. */
export interface Refused {
  readonly answer: Answer
  readonly record: Record<string, unknown>
}

/**
 * Asks for an exchange that must be refused for the reason, and looks at both voices of the refusal: on the wire a client
 * fault with the fixed sentence of its reason and nothing of what was sent; on the record the reason, and no token.
 * Where `reason` is a list, any of them will do.
 */
export async function refusal(
  server: TestServer,
  form: Form,
  reason: Reason | readonly Reason[],
  about: 'subject' | 'actor' | 'client' = 'subject',
): Promise<Refused> {
  const sent = ['subject_token', 'actor_token', 'client_assertion'].map((name) => String(form[name] ?? ''))
  return refusedAnswer(server, await server.exchange(form), reason, about, sent)
}

/** The same of an answer that came in another way; `secrets` are what was sent and must be in neither voice. */
export async function refusedAnswer(
  server: TestServer,
  answer: Answer,
  reason: Reason | readonly Reason[],
  about: 'subject' | 'actor' | 'client',
  secrets: readonly string[],
): Promise<Refused> {
  const reasons: readonly string[] = typeof reason === 'string' ? [reason] : reason
  const record = await server.record(answer.id)
  expect(reasons, `${record['reason']}: ${record['detail']}`).toContain(record['reason'])
  expect(record).toMatchObject({ outcome: 'refused', jti: '', tokenHash: '', granted: null })
  expectWireOf(answer, record['reason'] as Reason, about)
  // Unverified refusals have rows at five a second: the next one gets its own.
  server.clock.advance(0.2)
  for (const tail of secrets.filter((secret) => secret.length >= 40).map((secret) => secret.slice(-40))) {
    expect(JSON.stringify(answer.body)).not.toContain(tail)
    expect(JSON.stringify(record)).not.toContain(tail)
  }
  return { answer, record }
}

/** The wire form of a reason, by the table of the door: status, code and the sentence of the table, the id of the request, and not a member more. */
export function expectWireOf(answer: Answer, reason: Reason, about?: 'subject' | 'actor' | 'client'): void {
  const expected = [about, undefined].map((position) => {
    const refused = new Refusal(reason, '')
    if (position !== undefined) refused.about = position
    const { status, error, description } = wireOf(refused)
    return { status, body: { error, error_description: description, request_id: answer.id } }
  })
  expect(expected).toContainEqual({ status: answer.status, body: answer.body })
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  expect(answer.headers.get('cache-control')).toBe('no-store')
}
