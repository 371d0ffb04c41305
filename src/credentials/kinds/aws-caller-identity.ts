import { z } from 'zod'
import { hashOf } from '../../lib/ids.ts'
import { isJsonObject, type Json, type JsonObject, parseJsonObjectText } from '../../lib/json.ts'
import { Refusal } from '../../refusal.ts'
import type { SignedRequest } from '../../trust/contract.ts'
import type { CredentialKind } from '../contract.ts'
import { checkAudience, checkedTimes, requiredText, shown } from '../jwt-checks.ts'

const settings = z.strictObject({})

/** Of Google's STS; registered nowhere (TE-84). */
export const AWS_REQUEST_TYPE = 'urn:ietf:params:aws:token-type:aws4_request'

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15'
/** The header that says for whom the request is signed: without it, it is for whoever gets it (T8). */
const AUDIENCE = 'x-cambist-audience'
/** STS takes a signature for so long, in seconds; nothing that is issued on one stands longer. */
const SIGNATURE_LIFE = 900

/** All that a request may carry. Each must be signed, but for the header that carries the signature. */
const HEADERS = [
  'authorization',
  'content-type',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  AUDIENCE,
] as const
type Header = (typeof HEADERS)[number]

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}\/(\d{8})\/[a-z0-9-]{1,32}\/sts\/aws4_request, ?SignedHeaders=([a-z0-9;-]{1,256}), ?Signature=([0-9a-f]{64})$/
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
const FORM_TYPES = ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded; charset=utf-8'] as const

/** A request as it was presented. */
interface CallerRequest {
  readonly url: string
  readonly headers: Readonly<Partial<Record<Header, string>>>
  readonly signed: ReadonlySet<string>
  readonly signature: string
  readonly contentType: SignedRequest['contentType']
  /** Seconds since the epoch. */
  readonly date: number
}

/**
 * A request for `GetCallerIdentity` that a workload has signed and not sent (TE-84): we send it, to the address of the
 * document and to no other, and AWS says whose it is. Its text is the JSON that Google's STS takes: `url`, `method`,
 * `headers` as a list of `key` and `value`, and `body`; percent-encoded or not.
 */
export const awsCallerIdentity: CredentialKind<z.output<typeof settings>, CallerRequest> = {
  name: 'aws-caller-identity',
  summary: 'A signed request for AWS GetCallerIdentity that names us, which AWS STS itself verifies.',
  format: 'aws4-request',
  tokenTypes: [AWS_REQUEST_TYPE],
  settings,
  without: ['onlineCheck', 'act'],
  sharedIssuer: true,
  variables: ['assertion'],
  subject: 'assertion.principal',
  maxAge: 300,
  sources: ['sts'],

  authority: () => '',
  lookUp: (keys) => (keys.from === 'sts' ? [keys.url] : []),
  read: readRequest,

  locate({ url, headers }) {
    const audience = headers[AUDIENCE]
    return audience === undefined
      ? { unlocated: 'claim_missing', detail: `the header ${AUDIENCE} is missing` }
      : { authorities: [url], audiences: [audience] }
  },

  async verify(request, issuer, { now, accepted, source }) {
    const { keys } = issuer
    const { url, headers, signed, signature, contentType, date } = request
    if (keys.from !== 'sts' || url !== keys.url || headers.host !== new URL(keys.url).host)
      throw new Refusal(
        'issuer_unknown',
        `the request is for ${shown(url)} or another host, and not for the address of trusted issuer ${issuer.name}`,
      )
    for (const name of ['host', 'x-amz-date', AUDIENCE, ...Object.keys(headers)]) {
      if (name !== 'authorization' && !signed.has(name))
        throw new Refusal('signature_invalid', `the signature does not cover the header ${name}`)
    }
    const audience = headers[AUDIENCE] ?? ''
    checkAudience([audience], accepted.audiences, accepted.several)
    const dated = { iat: date, exp: date + Math.min(SIGNATURE_LIFE, issuer.maxLifetime) }
    const expiresAt = checkedTimes(dated, issuer, now)
    const { host: _, 'content-type': __, ...sent } = headers
    const claims = callerOf(await source.present(issuer, { headers: sent, contentType, body: BODY }))
    return {
      authority: '',
      claims,
      header: {},
      uri: undefined,
      audiences: [audience],
      expiresAt,
      useId: `sha256:${hashOf(signature)}`,
      keyProven: false,
      actors: [],
      mayAct: undefined,
    }
  },
}

function readRequest(token: string): CallerRequest {
  const request = parseJsonObjectText(token.startsWith('%7B') ? decoded(token) : token)
  if (request === undefined) throw malformed('it is no JSON object')
  const { url, method, headers, body, ...others } = request
  if (Object.keys(others).length > 0) throw malformed('it has more members than url, method, headers and body')
  if (method !== 'POST' || body !== BODY) throw malformed(`it is not POST of ${BODY}`)
  if (typeof url !== 'string') throw malformed('url is no text')
  const read = headersOf(headers)
  const [, day, names = '', signature] = AUTHORIZATION.exec(read.authorization ?? '') ?? []
  if (signature === undefined) throw malformed('authorization is no AWS Signature Version 4 for sts')
  const time = DATE.exec(read['x-amz-date'] ?? '')
  const date = time === null ? Number.NaN : Date.parse(`${time.slice(1, 4).join('-')}T${time.slice(4).join(':')}Z`)
  if (Number.isNaN(date) || read['x-amz-date']?.startsWith(`${day}T`) !== true)
    throw malformed('x-amz-date is no time of the day in the credential')
  const written = read['content-type']
  const contentType = written === undefined ? FORM_TYPES[0] : FORM_TYPES.find((type) => type === written)
  if (contentType === undefined) throw malformed('content-type is not that of a form')
  return {
    url: url.endsWith('/') ? url.slice(0, -1) : url,
    headers: read,
    signed: new Set(names.split(';')),
    signature,
    contentType,
    date: date / 1000,
  }
}

/** Names in lower case, once each, of the list; values as they may stand in a request. */
function headersOf(list: Json | undefined): CallerRequest['headers'] {
  if (!Array.isArray(list)) throw malformed('headers is no list')
  const headers: Partial<Record<Header, string>> = {}
  for (const entry of list as readonly Json[]) {
    if (!isJsonObject(entry) || Object.keys(entry).length !== 2) throw malformed('a header is not key and value')
    const { key, value } = entry
    const name = HEADERS.find((one) => one === key)
    if (name === undefined) throw malformed(`a header is not one of ${HEADERS.join(', ')}`)
    if (headers[name] !== undefined) throw malformed(`the header ${name} is there twice`)
    if (typeof value !== 'string' || !/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(value))
      throw malformed(`the header ${name} has a value that is none`)
    headers[name] = value
  }
  return headers
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch {
    throw malformed('its percent-encoding is not sound')
  }
}

const malformed = (detail: string): Refusal => new Refusal('token_malformed', `no signed request of AWS: ${detail}`)

const ACCOUNT = /^\d{12}$/
const ARN = /^arn:[a-z-]+:(?:iam|sts)::(\d{12}):([a-z-]+)\/?(.*)$/
const SESSION = /^(arn:[a-z-]+:sts::\d{12}:assumed-role\/[^/]+)\/([^/]+)$/

/**
 * What STS says: `account`, `arn`, `userid`, and of the ARN `principal`, which is the role without its session, and
 * `session`. Whatever else it might say, nobody has asked for.
 */
function callerOf(said: JsonObject): JsonObject {
  const response = said['GetCallerIdentityResponse']
  const result = isJsonObject(response) ? response['GetCallerIdentityResult'] : undefined
  if (!isJsonObject(result)) throw unanswered('it is no result of GetCallerIdentity')
  const account = requiredOf(result, 'Account')
  const arn = requiredOf(result, 'Arn')
  const [, owner, type] = ARN.exec(arn) ?? []
  if (!ACCOUNT.test(account) || owner !== account) throw unanswered('its ARN is not one of its account')
  const [, role, session] = SESSION.exec(arn) ?? []
  if (type === 'assumed-role' && role === undefined) throw unanswered('its ARN is of a role without a session')
  return {
    account,
    arn,
    userid: requiredOf(result, 'UserId'),
    principal: role ?? arn,
    ...(session === undefined ? {} : { session }),
  }
}

function requiredOf(result: JsonObject, name: string): string {
  try {
    return requiredText(result, name)
  } catch {
    throw unanswered(`it has no ${name}`)
  }
}

const unanswered = (detail: string): Refusal =>
  new Refusal('status_unavailable', `the answer of the service cannot be used: ${detail}`, { retryAfter: 5 })
