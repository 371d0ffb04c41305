import { request } from 'node:http'
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

/** The same with header lines as they are given: an array makes as many lines, and `Host` is what it says, which fetch would not have. */
export function postLines(
  server: TestServer,
  body: string,
  lines: Record<string, string | readonly string[]>,
  path = '/token',
): Promise<Answer> {
  const headers = {
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': String(Buffer.byteLength(body)),
    ...(lines as Record<string, string | string[]>),
  }
  return new Promise((resolve, reject) => {
    const sent = request(`${server.workloads}${path}`, { method: 'POST', agent: false, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => {
        const heard = new Headers(response.headersDistinct as unknown as Record<string, string>)
        const id = heard.get('Cambist-Request-Id') ?? ''
        resolve({ status: response.statusCode ?? 0, headers: heard, body: text === '' ? {} : JSON.parse(text), id })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
