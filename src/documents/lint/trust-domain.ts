import type { Doubts, Nouns } from './enforced.ts'

/**
 * Targets of transaction tokens under another name than that of our trust domain (TX-22): a token counts in the domain that
 * `aud` names, and who receives it compares that with its own. Nothing is said where nobody knows which domain is ours.
 */
export function* trustDomain({ targets }: Nouns, ours: string | undefined): Doubts {
  if (ours === undefined) return
  for (const [name, { audiences, tokens }] of targets) {
    yield undefined
    if (!tokens.some(({ kind }) => kind === 'transaction-token')) continue
    for (const audience of audiences) {
      if (audience !== ours)
        yield {
          kind: 'Target',
          name,
          path: 'spec.audience',
          message: `transaction tokens of this target are for the trust domain ${audience}, and that of this server is ${ours} (CAMBIST_TRUST_DOMAIN); workloads that compare the two refuse them`,
        }
    }
  }
}
