import { clientSchema, compileClient } from '../../clients/client.ts'
import type { Client } from '../../clients/contract.ts'
import { lintClient } from '../../clients/lint.ts'
import { type Fault, Faults } from '../../lib/fault.ts'
import { checkUrl } from '../../trust/written-keys.ts'
import type { NounKind, Reference } from '../contract.ts'
import { memberOf } from '../references.ts'

export const client: NounKind<Client> = {
  kind: 'Client',
  path: 'clients',
  summary: 'Who may call: a registered client, or every workload that matches.',
  writtenBy: 'editor',
  schema: () => clientSchema,
  references(spec) {
    const { workloads, defaultTarget, authentication } = spec
    const references: Reference[] = []
    for (const [index, workload] of (Array.isArray(workloads) ? workloads : []).entries()) {
      const issuer = memberOf(workload, 'issuer')
      if (typeof issuer === 'string')
        references.push({ path: `spec.workloads[${index}].issuer`, kind: 'TrustedIssuer', name: issuer })
    }
    const voucher = memberOf(authentication, 'issuer')
    if (typeof voucher === 'string')
      references.push({ path: 'spec.authentication.issuer', kind: 'TrustedIssuer', name: voucher })
    if (typeof defaultTarget === 'string')
      references.push({ path: 'spec.defaultTarget', kind: 'Target', name: defaultTarget })
    return references
  },
  compile(name, spec, { insecureFetch }) {
    const compiled = compileClient(name, spec)
    const { authentication } = compiled
    const faults: Fault[] = []
    if (authentication !== undefined && 'jwksUri' in authentication && authentication.jwksUri !== undefined)
      checkUrl(authentication.jwksUri, 'spec.authentication.jwksUri', insecureFetch, faults)
    if (faults.length > 0) throw new Faults(faults)
    return compiled
  },
  lint: lintClient,
}
