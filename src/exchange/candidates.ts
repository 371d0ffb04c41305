import type { Client, ClientIndex } from '../clients/contract.ts'
import type { Principal } from '../identity/principal.ts'

/** Who the clients are, and the names of those that are kept out. */
export interface KnownClients {
  readonly clients: ClientIndex
  readonly blocked: ReadonlySet<string>
}

/**
 * Every client that the workload is. One that says how it authenticates is nobody who comes in another way (T45); disabled
 * or blocked, it denies all the same (T22), also where it is known by a name in the workload's certificate alone:
 * `isRegistered` says which those are, and is undefined where there is no certificate.
 */
export function candidatesOf(
  workload: Principal,
  authentication: string,
  { clients, blocked }: KnownClients,
  isRegistered: ((client: Client) => boolean) | undefined,
): readonly Client[] {
  const found = clients.selecting(workload)
  const comes = (client: Client): boolean => blocked.has(client.name) || comesBy(authentication, client)
  const denying = isRegistered === undefined ? [] : keptOut(workload.issuer, clients, blocked).filter(isRegistered)
  return denying.length === 0 && found.every(comes) ? found : [...found.filter(comes), ...denying]
}

const keptOut = (issuer: string, clients: ClientIndex, blocked: ReadonlySet<string>): readonly Client[] => [
  ...clients.disabledOf(issuer),
  ...[...blocked].flatMap((name) => clients.byName(name) ?? []),
]

const comesBy = (authentication: string, { disabled, authentication: said }: Client): boolean =>
  disabled || said === undefined || said.method === authentication
