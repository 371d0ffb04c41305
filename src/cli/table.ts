/** Rows of text as columns: aligned, without colours, so that it reads the same in a file. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headers, ...rows].map((row) => row.map(printable))
  const widths = headers.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return `${all.map((row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')).join('\n')}\n`
}

/** Names with values below each other; those without a value are left out. */
export function listing(entries: readonly (readonly [name: string, value: string])[]): string {
  const there = entries.filter(([, value]) => value !== '')
  const width = Math.max(...there.map(([name]) => name.length))
  return `${there.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n')}\n`
}

/** Text of others must not move the cursor or change colours of the terminal that shows it. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�')

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
