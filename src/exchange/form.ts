import { isAscii, isUtf8 } from 'node:buffer'
import { REFERENCE_PREFIX } from '../credentials/contract.ts'
import { Refusal } from '../refusal.ts'
import type { Parameters } from './contract.ts'
import { isKnownParameter } from './grants.ts'

/** Parameters that may come more than once (TE-08); for all others a repeat is refused (RFC 6749 §3.2, T31). */
const REPEATABLE: ReadonlySet<string> = new Set(['audience', 'resource'])
const MAX_PAIRS = 100
/** Parameters that are tokens, or whose text is not repeated anywhere. */
const MAY_HOLD_TOKENS: ReadonlySet<string> = new Set([
  'subject_token',
  'actor_token',
  'assertion',
  'client_assertion',
  'request_details',
  'request_context',
])

/**
 * Reads `application/x-www-form-urlencoded` strictly: every pair has a name, every escape is one, the bytes are UTF-8
 * without NUL. A parameter without a value counts as absent (TE-15). Throws Refusal.
 */
export function parseForm(body: Buffer): Parameters {
  const parameters = new Map<string, string[]>()
  const text = textOf(body)
  if (text === '') return parameters
  const pairs = text.split('&')
  if (pairs.length > MAX_PAIRS)
    throw new Refusal('body_malformed', `${pairs.length} parameters, at most ${MAX_PAIRS} are read`)
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (name === '') throw new Refusal('body_malformed', 'a parameter has no name')
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1))
    const known = isKnownParameter(name)
    if (known && !MAY_HOLD_TOKENS.has(name)) checkNoToken(value, name)
    const values = parameters.get(name)
    if (values === undefined) parameters.set(name, [value])
    else if (REPEATABLE.has(name)) values.push(value)
    else throw new Refusal('parameter_repeated', `${known ? name : 'what nobody knows'} came more than once`)
  }
  for (const [name, values] of parameters) {
    if (!values.includes('')) continue
    const given = values.filter((value) => value !== '')
    if (given.length === 0) parameters.delete(name)
    else parameters.set(name, given)
  }
  return parameters
}

/** A JWT, wherever in a text it stands. */
const JWT = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\./

/** What a request names is kept on the record as it is, and a token that strayed in there must not be (I8). */
function checkNoToken(value: string, name: string): void {
  if (value.includes(REFERENCE_PREFIX) || (value.includes('eyJ') && JWT.test(value)))
    throw new Refusal('parameter_malformed', `${name} holds a token, and is not the name of anything`)
}

function textOf(body: Buffer): string {
  if (isAscii(body)) return body.toString('latin1')
  if (!isUtf8(body)) throw new Refusal('body_malformed', 'the body is not UTF-8')
  return body.toString('utf8')
}

/** Whether a text needs decoding at all: tokens, the bulk of a body, do not. */
const ENCODED = /[%+]/

function decode(text: string): string {
  let decoded = text
  if (ENCODED.test(text)) {
    try {
      decoded = decodeURIComponent(text.replaceAll('+', ' '))
    } catch {
      throw new Refusal('body_malformed', 'a parameter holds an escape that is none, or bytes that are not UTF-8')
    }
  }
  if (decoded.includes('\0')) throw new Refusal('body_malformed', 'a parameter holds NUL')
  return decoded
}
