import { stripVTControlCharacters } from 'node:util'

/** How the tour looks: plain text of a hundred columns, with emphasis where a terminal shows it. */
const COLUMNS = 100
const colours = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined
const paint = (code: string) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)

export const bold = paint('1')
export const dim = paint('2')
const red = paint('31')
const green = paint('32')
const cyan = paint('36')

/** A step that does not behave ends the tour. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`this step did not behave: ${what}`)
}

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
export const bad = (text: string): string => `${red('✗')} ${text}`
/** A name and what it says, over as many lines as it needs. */
export function fact(name: string, value: string): string {
  const lines: string[] = []
  let line = `${name}:`
  for (const word of value.split(' ')) {
    if (line.length + 1 + word.length > COLUMNS - 2) {
      lines.push(line)
      line = '   '
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n').replace(`${name}:`, dim(`${name}:`))
}
export const code = (text: string): string => text.replace(/^/gm, '│ ')

/** JSON over as many lines as it needs. */
export const json = (value: unknown): string => cyan(JSON.stringify(value, undefined, 2))

/** Header and claims of a token as text, the signature left out. */
export function decoded(token: string): string {
  const [header = '', claims = ''] = token.split('.')
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString())
  return `${json(read(header))}\n${json(read(claims))}\n${dim('(and a signature)')}`
}

/** Columns as wide as they must be, the first line their heads. Emphasis takes no room. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const [head = [], ...body] = rows
  const widths = head.map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))))
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => text + ' '.repeat((widths[column] ?? 0) - widthOf(text)))
      .join('  ')
      .trimEnd()
  return [bold(line(head)), dim(widths.map((width) => '─'.repeat(width)).join('  ')), ...body.map(line)]
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length
