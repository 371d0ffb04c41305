import { expect } from 'vitest'
import { wireOf } from '../../src/oauth/refusals.ts'
import { type Reason, Refusal } from '../../src/refusal.ts'
import type { Answer, Form, TestServer } from './cambist.ts'

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
  const reasons: readonly string[] = typeof reason === 'string' ? [reason] : reason
  const answer = await server.exchange(form)
  const record = await server.record(answer.id)
  expect(reasons, `${record['reason']}: ${record['detail']}`).toContain(record['reason'])
  expect(record).toMatchObject({ outcome: 'refused', jti: '', tokenHash: '', granted: null })
  expectWire(answer, record['reason'] as Reason, about)
  // Unverified refusals have rows at five a second: the next one gets its own.
  server.clock.advance(0.2)
  for (const name of ['subject_token', 'actor_token', 'client_assertion']) {
    const tail = String(form[name] ?? '').slice(-40)
    if (tail.length < 40) continue
    expect(JSON.stringify(answer.body)).not.toContain(tail)
    expect(JSON.stringify(record)).not.toContain(tail)
  }
  return { answer, record }
}

/** The wire form of a reason: status, code and the sentence of the table, the id of the request, and not a member more. */
export function expectWire(answer: Answer, reason: Reason, about?: 'subject' | 'actor' | 'client'): void {
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
