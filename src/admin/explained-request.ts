import { z } from 'zod'
import type { Carried } from '../credentials/contract.ts'
import { carriedOf } from '../exchange/carried.ts'
import type { Asked, Parameters } from '../exchange/contract.ts'
import { parseForm } from '../exchange/form.ts'
import type { Clock } from '../lib/clock.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { nearestName } from '../lib/nearest.ts'
import { certificatesInPem } from '../lib/x509/certificate.ts'
import { CertificateFault } from '../lib/x509/contract.ts'
import { Refusal } from '../refusal.ts'
import { checkSize } from '../server/certificate-header.ts'

const LONGEST = 65_536
const text = z.string('is a text').max(LONGEST, `has more than ${LONGEST} characters`)

/** A token request as a person writes it down to have it explained. */
export const writtenRequest = z.strictObject({
  parameters: z.record(z.string(), z.union([text, z.array(text)], 'is a text, or a list of texts')),
  headers: z.record(z.string(), text).optional(),
  certificate: text.optional(),
})
export type WrittenRequest = z.output<typeof writtenRequest>

/** Header fields that the token endpoint reads, and `content-digest`, which a signature covers. */
const FIELDS: readonly string[] = [
  'authorization',
  'content-digest',
  'content-type',
  'dpop',
  'oauth-client-attestation',
  'oauth-client-attestation-pop',
  'signature',
  'signature-input',
  'txn-token',
  'workload-identity-token',
  'workload-proof-token',
]

/**
 * The request as the token endpoint would have it. Its body is the parameters in the order in which they are written, as
 * every form encoder writes them: proofs that cover the body are of that one. Throws Faults.
 */
export function askedRequest(
  { parameters = {}, headers = {}, certificate }: WrittenRequest,
  id: string,
  clock: Clock,
): Asked {
  const head = headOf(headers)
  const chain = certificate === undefined ? undefined : chainOf(certificate)
  const body = bodyOf(parameters)
  const opening = { id, receivedAt: clock.now(), startedAt: clock.monotonic(), remote: '', traceId: '' }
  try {
    if (chain !== undefined) checkSize(chain, 'certificate_refused')
    return { ...opening, parameters: parseForm(body), carried: carriedOf(head, body, chain) }
  } catch (error) {
    if (error instanceof Refusal) return { ...opening, parameters: NOTHING, carried: EMPTY, refusal: error }
    throw error
  }
}

const NOTHING: Parameters = new Map()
const EMPTY: Carried = Object.freeze({ bodyDigest: () => '' })
const FORM = 'application/x-www-form-urlencoded'

function bodyOf(parameters: WrittenRequest['parameters']): Buffer {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters))
    for (const one of typeof value === 'string' ? [value] : value) form.append(name, one)
  return Buffer.from(form.toString())
}

function headOf(written: Readonly<Record<string, string>>) {
  const faults: Fault[] = []
  const headers: Record<string, string> = { 'content-type': FORM }
  const given = Object.entries(written).map(([name, value]) => [name.toLowerCase(), value] as const)
  const signed = given.some(([name]) => name === 'signature-input') // which may cover any other field
  for (const [name, value] of given) {
    if (signed || FIELDS.includes(name)) headers[name] = value
    else {
      const near = nearestName(name, FIELDS)
      const help = near === undefined ? `it reads ${FIELDS.join(', ')}` : `did you mean ${near}?`
      faults.push({
        path: 'headers',
        message: `${JSON.stringify(name.slice(0, 64))} is no header field that the token endpoint reads; ${help}`,
      })
    }
  }
  if (faults.length > 0) throw new Faults(faults)
  return { method: 'POST', url: '/token', headers, rawHeaders: Object.entries(headers).flat() }
}

function chainOf(pem: string): readonly Buffer[] {
  try {
    return certificatesInPem(pem)
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error
    throw new Faults([
      { path: 'certificate', message: `${error.message}; write the client's certificate in PEM, and no key` },
    ])
  }
}
