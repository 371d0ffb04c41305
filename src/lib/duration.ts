const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const
const DURATION = /^([1-9][0-9]{0,8})([smhd])$/

/** Seconds of a written duration (`90s`, `5m`, `1h`, `7d`), or undefined where the text is not one. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]
}

/** The shortest written form of a number of whole seconds: 300 → `5m`. */
export function formatDuration(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (seconds >= UNITS[unit] && seconds % UNITS[unit] === 0) return `${seconds / UNITS[unit]}${unit}`
  }
  return `${seconds}s`
}
