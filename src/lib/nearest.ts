/** The name among `names` that a misspelt one was probably meant to be: the only one that it begins or ends, or else the nearest (Levenshtein distance, at most a third of the length); undefined where none is near. */
export function nearestName(misspelt: string, names: Iterable<string>): string | undefined {
  const written = misspelt.toLowerCase()
  const whole = [...names].filter((name) => {
    const known = name.toLowerCase()
    return written.length > 3 && (known.startsWith(`${written}-`) || known.endsWith(`-${written}`))
  })
  if (whole.length === 1) return whole[0]
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(misspelt.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(written, name.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function editDistance(one: string, other: string, limit: number): number {
  if (Math.abs(one.length - other.length) >= limit) return limit
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    // Distances of longer beginnings are never less.
    if (Math.min(...current) >= limit) return limit
    previous = current
  }
  return previous[other.length] ?? limit
}
