import type { Client, ClientIndex } from '../clients/contract.ts'
import type { Principal } from '../identity/principal.ts'

/**
 * Every client that the workload is. One that says how it authenticates is nobody who comes in another way (T45);
 * disabled, it denies all the same (T22), also where it is known by a name in the workload's certificate.
 */
export function candidatesOf(
  workload: Principal,
  authentication: string,
  clients: ClientIndex,
  isRegistered: (client: Client) => boolean,
): readonly Client[] {
  const found = clients.selecting(workload)
  const denying = clients.disabledOf(workload.issuer).filter(isRegistered)
  const comes = comesBy(authentication)
  return denying.length === 0 && found.every(comes) ? found : [...found.filter(comes), ...denying]
}

const comesBy =
  (authentication: string) =>
  (client: Client): boolean =>
    client.disabled || client.authentication === undefined || client.authentication.method === authentication
