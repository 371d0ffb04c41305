import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to the database that can be made to fail as networks do. */
export interface DatabaseProxy {
  readonly url: string
  /** `open` forwards; `mute` forwards what clients say and swallows what the server answers; `closed` refuses connections. */
  mode: 'open' | 'mute' | 'closed'
  /** Breaks all connections. */
  cut(): void
  /** Resolves when the server has answered something that was swallowed. */
  swallowed(): Promise<void>
  close(): Promise<void>
}

export async function databaseProxy(url: string): Promise<DatabaseProxy> {
  const target = new URL(url)
  const host = decodeURIComponent(target.hostname)
  const port = Number(target.port === '' ? 5432 : target.port)
  const sockets = new Set<Socket>()
  let heard = Promise.withResolvers<void>()
  const server = createServer((client) => {
    if (proxy.mode === 'closed') return void client.destroy()
    const upstream = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (data) => upstream.write(data))
    upstream.on('data', (data) => {
      if (proxy.mode === 'open') client.write(data)
      else heard.resolve()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = new URL(url)
  own.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const proxy: DatabaseProxy = {
    url: own.href,
    mode: 'open',
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async swallowed() {
      await heard.promise
      heard = Promise.withResolvers()
    },
    async close() {
      proxy.cut()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
