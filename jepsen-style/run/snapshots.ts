/** How often nodes had to be sent a whole state, as their logs tell. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What a node logs once it holds a snapshot to its end. */
const told = '"a snapshot is whole"'

/** Counts them in the logs of a directory. Undefined: there are no logs there. */
export async function countSnapshots(directory: string): Promise<number | undefined> {
  const names = (await readdir(directory).catch(() => [])).filter((name) =>
    /\.log(?:\.|$)/.test(name),
  )
  if (names.length === 0) return undefined
  let count = 0
  for (const name of names) {
    const input = createReadStream(join(directory, name))
    for await (const line of createInterface({ input })) if (line.includes(told)) count++
  }
  return count
}
