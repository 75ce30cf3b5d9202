/** Lifetimes that failed once, kept in a file so that they are lived again in every run. */
import type { Request } from './job.ts'
import { parseOptions } from './options.ts'

/**
 * The lifetimes of such a file: on each line the options of one, as a replay command has them
 * behind `--`, without blanks inside values. Empty lines and what follows `#` do not count.
 */
export function knownRequests(text: string): readonly Request[] {
  return text.split('\n').flatMap((line, i) => {
    const words = line.replace(/#.*/, '').split(/\s+/)
    const args = words.filter((word) => word !== '')
    if (args.length === 0) return []
    const parsed = parseOptions(args, 1)
    if (parsed.type !== 'run' || parsed.options.count !== 1) {
      throw new Error(`line ${i + 1} of the known lifetimes is not the options of one: ${line}`)
    }
    return [{ ...parsed.options.common, seed: parsed.options.from }]
  })
}
