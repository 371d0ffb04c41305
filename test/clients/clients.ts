import { document, startCambist, TestClock, type TestServer, type TestServerOptions } from '../harness/cambist.ts'
import { SigningKey } from '../harness/tokens.ts'

/** What the tests of third-party clients ask for. */
export const AUDIENCE = 'https://orders.example'

/** A server whose clock is the real one, since clients have no other, and a registered client that may bring anybody's token. */
export async function serverForClients(
  options: Pick<TestServerOptions, 'env'> = {},
): Promise<{ server: TestServer; gateway: SigningKey }> {
  const server = await startCambist({ ...options, clock: TestClock.real() })
  const gateway = new SigningKey('ES256')
  await server.apply(
    document('Client', 'gateway', { authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } } }),
    document('Policy', 'gateway-acts', {
      clients: ['gateway'],
      targets: ['orders'],
      scopes: ['orders:read'],
      delegation: { mode: 'delegate' },
    }),
  )
  return { server, gateway }
}
