import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Sends text to the server as it stands, for what fetch would correct, and reads one answer until the server closes. */
export function sendRaw(url: string, head: readonly string[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write(`${[...head, 'Connection: close'].join('\r\n')}\r\n\r\n`))
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => {
      socket.end()
      const [top = '', body = ''] = text.split('\r\n\r\n')
      const [first = '', ...lines] = top.split('\r\n')
      resolve({
        status: Number(first.split(' ')[1]),
        headers: new Map(
          lines.map((line) => [
            line.slice(0, line.indexOf(':')).toLowerCase(),
            line.slice(line.indexOf(':') + 1).trim(),
          ]),
        ),
        body,
      })
    })
  })
}
