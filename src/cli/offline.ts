import { NO_BLOCKS } from '../blocks/block-index.ts'
import * as credentialKinds from '../credentials/kinds/index.ts'
import { ownIssuers } from '../credentials/own-issuer.ts'
import { Compiler } from '../documents/compile.ts'
import type { Document, Formats } from '../documents/contract.ts'
import type { DecidingSnapshot } from '../exchange/contract.ts'
import * as tokenKinds from '../tokens/kinds/index.ts'
import { revokedBy } from '../tokens/revocations.ts'

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

/** What requests are decided by where these are all the documents there are, and nothing is revoked or blocked. Throws DocumentFaults. */
export function offlineSnapshot(documents: readonly Document[], ourIssuer: string): DecidingSnapshot {
  const { issuers, clients, targets, policies } = offlineCompiler(ourIssuer).compile(documents, {
    own: ownIssuers(ourIssuer, NO_KEYS),
  })
  return { version: 0, issuers, clients, targets, policies, revoked: revokedBy([]), blocked: NO_BLOCKS }
}

const NO_KEYS = { publicKeysOf: () => ({ keys: [] }) }
