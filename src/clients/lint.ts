import { wideness } from '../identity/wide-pattern.ts'
import type { Fault } from '../lib/fault.ts'
import { wideTexts } from '../lib/wide-texts.ts'
import { WORKLOAD_VARIABLES } from './client.ts'
import type { CertificateName, Client } from './contract.ts'

/** What is allowed but doubtful in a Client: the path and a sentence. */
export function lintClient(client: Client): readonly Fault[] {
  const warnings: Fault[] = []
  for (const [index, { ids, match, condition, issuer }] of client.workloads.entries()) {
    const path = `spec.workloads[${index}]`
    if (ids === undefined && match.length === 0 && condition === undefined) {
      warnings.push({
        path,
        message: `every workload of ${issuer} is this client; say which under \`ids\` or \`match\``,
      })
    }
    for (const [at, patterns] of [
      [`${path}.ids`, ids ?? []] as const,
      ...match.map(([name, each]) => [`${path}.match.${name}`, each] as const),
    ]) {
      for (const pattern of patterns) {
        const message = wideness(pattern, `name of ${issuer}`)
        if (message !== undefined) warnings.push({ path: at, message })
      }
    }
    for (const message of condition === undefined ? [] : wideTexts(condition.source, WORKLOAD_VARIABLES))
      warnings.push({ path: `${path}.condition`, message })
    if (match.length > 0 && match.every(([, patterns]) => patterns.every(({ literal }) => literal === undefined))) {
      warnings.push({
        path: `${path}.match`,
        message: 'no attribute is named exactly, so nothing ties this client to one tenant (T21)',
      })
    }
  }
  const { authentication } = client
  if (authentication?.method === 'private_key_jwt' && authentication.tokenEndpointAudienceUntil !== undefined) {
    warnings.push({
      path: 'spec.authentication.tokenEndpointAudienceUntil',
      message:
        "assertions for the token endpoint's URL are taken until then; the issuer is the safer audience (RFC 7523bis)",
    })
  }
  if (authentication !== undefined && 'name' in authentication) warnings.push(...certificateName(authentication.name))
  if (client.grants.size === 0) warnings.push({ path: 'spec.grants', message: 'the client may use no grant at all' })
  return warnings
}

/** Names in certificates are compared as they stand (MT-03): a star is a character of one. */
function certificateName(name: CertificateName): readonly Fault[] {
  if (name.of !== 'dns' || !name.value.includes('*')) return []
  return [
    {
      path: 'spec.authentication.sanDns',
      message: `${name.value} is no pattern: only a certificate that says ${name.value} itself has this name, and such a certificate is many hosts'; write the name of the one client`,
    },
  ]
}
