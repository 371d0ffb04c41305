import type { Fault } from '../lib/fault.ts'
import type { Client } from './contract.ts'

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
      for (const { source } of patterns) {
        if (/^\*\*?$/.test(source))
          warnings.push({
            path: at,
            message: `${source} alone matches nearly every name of ${issuer}, also names that others choose`,
          })
        else if (source.endsWith('**'))
          warnings.push({
            path: at,
            message: `${source} also matches everything further down, now and later; name the segments with * where you can`,
          })
      }
    }
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
  if (client.grants.size === 0) warnings.push({ path: 'spec.grants', message: 'the client may use no grant at all' })
  return warnings
}
