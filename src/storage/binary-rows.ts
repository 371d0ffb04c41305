/**
 * An array of composite values in PostgreSQL's binary form, as `array_recv` and `record_recv` read it: nothing is
 * parsed, escaped or cast on the other side, which halves what a row of the record costs there.
 *
 * One writer serves one connection: its memory is used again for the next batch, when the one before has been sent.
 */
export class BinaryRows {
  #bytes: Buffer
  #at = 0
  #count = 0
  #start = 0

  constructor(bytes = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  /** Begins an array. `type` is the object identifier of its composite element type. */
  begin(type: number): this {
    this.#at = 0
    this.#count = 0
    this.#dimension(type, 0)
    return this
  }

  /** Begins a composite value of so many fields, which follow in order. */
  row(fields: number): void {
    this.#closeRow()
    this.#count++
    this.#room(8)
    this.#start = this.#at
    this.#at += 4
    this.#int32(fields)
  }

  /** A whole number up to 2^53 as `bigint`. */
  int8(value: number): void {
    this.#room(16)
    this.#int32(INT8)
    this.#int32(8)
    this.#int64(value)
  }

  int4(value: number): void {
    this.#room(12)
    this.#int32(INT4)
    this.#int32(4)
    this.#int32(value)
  }

  /** Whole milliseconds since the epoch as `timestamptz`. */
  timestamp(ms: number): void {
    this.#room(16)
    this.#int32(TIMESTAMPTZ)
    this.#int32(8)
    this.#int64((ms - POSTGRES_EPOCH_MS) * 1000)
  }

  uuid(text: string): void {
    this.#room(24)
    this.#int32(UUID)
    this.#int32(16)
    this.#at += this.#bytes.write(text.replaceAll('-', ''), this.#at, 16, 'hex')
  }

  /** `text`, or null. */
  text(value: string | undefined): void {
    this.#room(8)
    this.#int32(TEXT)
    if (value === undefined) this.#int32(-1)
    else this.#string(value)
  }

  /** `text[]`. */
  texts(values: readonly string[]): void {
    this.#room(28)
    this.#int32(TEXT_ARRAY)
    const length = this.#at
    this.#at += 4
    if (values.length === 0) {
      this.#int32(0)
      this.#int32(0)
      this.#int32(TEXT)
    } else {
      this.#dimension(TEXT, values.length)
      for (const value of values) this.#string(value)
    }
    this.#bytes.writeInt32BE(this.#at - length - 4, length)
  }

  /** What was written since `begin`; valid until the next one. */
  end(): Buffer {
    this.#closeRow()
    this.#bytes.writeInt32BE(this.#count, COUNT_AT)
    return this.#bytes.subarray(0, this.#at)
  }

  #dimension(type: number, count: number): void {
    this.#int32(1)
    this.#int32(0)
    this.#int32(type)
    this.#int32(count)
    this.#int32(1)
  }

  #closeRow(): void {
    if (this.#count > 0) this.#bytes.writeInt32BE(this.#at - this.#start - 4, this.#start)
  }

  #string(value: string): void {
    // UTF-8 takes at most three bytes for each unit of UTF-16.
    this.#room(4 + value.length * 3)
    const bytes = this.#bytes.write(value, this.#at + 4, 'utf8')
    this.#int32(bytes)
    this.#at += bytes
  }

  #int32(value: number): void {
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = value >>> 24
    bytes[at++] = value >>> 16
    bytes[at++] = value >>> 8
    bytes[at++] = value
    this.#at = at
  }

  #int64(value: number): void {
    const high = Math.floor(value / 4_294_967_296)
    this.#int32(high)
    this.#int32(value - high * 4_294_967_296)
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

const INT8 = 20
const INT4 = 23
const TEXT = 25
const TEXT_ARRAY = 1009
const TIMESTAMPTZ = 1184
const UUID = 2950
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1)
const COUNT_AT = 12
