import type { Facts } from '../policy/contract.ts'
import type { Descent } from './descent.ts'
import type { Parties } from './parties.ts'
import type { ExchangeRequest } from './request.ts'

/**
 * What the evaluator sees. The actor is the actor token's principal, else the client; client and subject being the same
 * principal, nobody acts for anybody (interfaces.md, "Delegation").
 */
export function factsOf(
  request: ExchangeRequest,
  { client, subject, actor, actorIssuer, possession }: Parties,
  { path }: Descent,
  now: number,
): Facts {
  const acting = actor?.principal ?? client.principal
  return {
    grant: request.grant,
    client,
    subject: subject.principal,
    ...(acting.id === subject.principal.id ? {} : { actor: acting }),
    actors: subject.actors,
    ...(subject.mayAct === undefined
      ? {}
      : {
          mayAct: {
            members: subject.mayAct,
            issuer: subject.issuer.authority,
            ...(actorIssuer === undefined ? {} : { actorIssuer }),
          },
        }),
    ...(subject.ours === undefined
      ? {}
      : { subjectAudiences: subject.audiences, subjectClient: subject.ours.client, path }),
    ...(subject.madeFor === undefined ? {} : { madeFor: subject.madeFor }),
    ...(subject.conveys === undefined ? {} : { conveys: subject.conveys }),
    audiences: request.audiences,
    resources: request.resources,
    scopes: request.scopes,
    ...(request.requestedTokenType === undefined ? {} : { tokenType: request.requestedTokenType }),
    binding: possession.binding,
    format: subject.format,
    time: now,
  }
}
