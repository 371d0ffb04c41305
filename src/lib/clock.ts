/** The one place where the system clock is read. Everything else takes a `Clock`, so that tests own the time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that never steps back, for durations. */
  monotonic(): number
}

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
})

/** A clock in whole seconds, as JWT dates are (RFC 7519 §2 NumericDate). */
export const seconds = (clock: Clock): number => Math.floor(clock.now() / 1000)
