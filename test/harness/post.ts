import type { Answer, Form, TestServer } from './cambist.ts'
import { answerOf } from './refusal.ts'
import { TYPE } from './tokens.ts'

/** The form of a good token exchange with members changed, for tests that send it in a way of their own. */
export function formOf(server: TestServer, form: Form = {}): URLSearchParams {
  const whole: Form = {
    grant_type: TYPE.exchange,
    subject_token: server.cluster.token(),
    subject_token_type: TYPE.jwt,
    audience: 'https://orders.example',
    ...form,
  }
  return new URLSearchParams(
    Object.entries(whole).flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one])),
  )
}

/** Posts a body as it stands, as a form unless `headers` say otherwise. */
export async function post(
  server: TestServer,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  path = '/token',
): Promise<Answer> {
  const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
  return answerOf(await fetch(`${server.workloads}${path}`, { method: 'POST', body, headers: { ...type, ...headers } }))
}
