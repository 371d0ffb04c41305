import type { Compiled } from './compile.ts'
import type { Document } from './contract.ts'

export interface WorkingAdministrator {
  readonly name: string
  readonly role: string
}

/** Administrator documents by which somebody can be let in: neither they nor the issuer they name are disabled, and that vouches for administrators. */
export function workingAdministrators(
  documents: readonly Document[],
  { nouns: { issuers } }: Compiled,
): readonly WorkingAdministrator[] {
  return documents.flatMap(({ kind, metadata: { name }, spec }) => {
    if (kind !== 'Administrator' || spec['disabled'] === true) return []
    const issuer = issuers.get(String(spec['issuer']))
    const works = issuer !== undefined && !issuer.disabled && issuer.uses.has('administrator')
    return works ? [{ name, role: String(spec['role']) }] : []
  })
}
