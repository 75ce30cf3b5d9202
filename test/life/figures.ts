/** What the scripts print: lines for people, with the verdicts that decide their exit code. */

/** The value below which such a share of them lies; NaN: there are none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** ms, for people. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

/** Bytes, for people. */
export function mib(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** Lines, and whether all that had to hold did. */
export class Figures {
  #failed = 0

  say(line: string): void {
    process.stdout.write(`${line}\n`)
  }

  /** Says a line with its verdict. */
  judge(holds: boolean, line: string): void {
    if (!holds) this.#failed += 1
    this.say(`${holds ? 'ok  ' : 'FAIL'} ${line}`)
  }

  /** What a figure is beside its goal; a busy machine misses goals, so it decides nothing. */
  compare(reached: boolean, line: string): void {
    this.say(`${reached ? 'ok  ' : 'miss'} ${line}`)
  }

  get exitCode(): number {
    return this.#failed === 0 ? 0 : 1
  }
}
