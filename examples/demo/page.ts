/** How the tour looks: plain text, with emphasis where a terminal shows it. */
const colours = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined
const paint = (code: string) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)

export const bold = paint('1')
export const dim = paint('2')
const green = paint('32')
const cyan = paint('36')

export function say(...lines: readonly string[]): void {
  process.stdout.write(`${lines.map((line) => line.replace(/^(?=.)/gm, '  ')).join('\n')}\n`)
}

export function title(text: string): void {
  process.stdout.write(`\n${bold(text)}\n${'═'.repeat(text.length)}\n\n`)
}

let steps = 0
export function step(name: string, what: string): void {
  const head = `${++steps}. ${name}`
  process.stdout.write(`\n${bold(head)}  ${dim(what)}\n${'─'.repeat(head.length)}\n`)
}

export const good = (text: string): string => `${green('✓')} ${text}`
export const fact = (name: string, value: string): string => `${dim(`${name}:`)} ${value}`
export const code = (text: string): string => text.replace(/^/gm, '│ ')

/** JSON over as many lines as it needs. */
export const json = (value: unknown): string => cyan(JSON.stringify(value, undefined, 2))

/** Header and claims of a token as text, the signature left out. */
export function decoded(token: string): string {
  const [header = '', claims = ''] = token.split('.')
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString())
  return `${json(read(header))}\n${json(read(claims))}\n${dim('(and a signature)')}`
}
