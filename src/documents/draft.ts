import { ownIssuers } from '../credentials/own-issuer.ts'
import type { Compiler } from './compile.ts'
import type { Document, Snapshot, StoredState } from './contract.ts'
import { propose } from './proposal.ts'

/**
 * What would be in force if a draft were applied: the documents of `state` with it over them, and all else as it is now.
 * It is put in force nowhere. Rejects with DocumentFaults as apply() does.
 */
export async function draftSnapshot(
  compiler: Compiler,
  now: Snapshot,
  state: StoredState,
  draft: readonly Document[],
  ourIssuer: string,
): Promise<Snapshot> {
  const { whole } = await compiler.inSlices(propose(state.documents, draft))
  const { issuers, clients, targets, policies } = await compiler.compileInSlices(whole, {
    own: ownIssuers(ourIssuer, now.keyring),
  })
  return Object.freeze({ ...now, issuers, clients, targets, policies, version: state.version })
}
