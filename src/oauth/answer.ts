import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from '../exchange/contract.ts'
import { wireOf } from './refusals.ts'

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
