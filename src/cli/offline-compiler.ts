import * as credentialKinds from '../credentials/kinds/index.ts'
import { Compiler } from '../documents/compile.ts'
import type { Formats } from '../documents/contract.ts'
import * as tokenKinds from '../tokens/kinds/index.ts'

/** All that documents can name. */
export const formats: Formats = {
  credentialKinds: Object.values(credentialKinds),
  tokenKinds: Object.values(tokenKinds),
}

/** What a server of the issuer would make of documents; it opens no signing keys. */
export const offlineCompiler = (ourIssuer: string): Compiler =>
  new Compiler({
    ...formats,
    ourIssuer,
    openKeys() {
      throw new Error('signing keys are opened by a server')
    },
  })
