/**
 * S13, of compacted logs: what the log on a disk no longer has, the state on that disk holds,
 * durably (`redisraft#43`; a log that is compacted past what the state would find after a power
 * cut has lost what was acknowledged). The live state is the one that the pointer names: a switch
 * to a state whose rows are not durable yet is found here, too.
 */
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'

/** See the head of the file. */
export class Compacted implements Check {
  readonly name = 'S13'

  onDurable(node: NodeView): void {
    const { id, durable, damaged } = node
    const front = durable.front ?? 0
    if (front === 0 || damaged) return
    const applied = node.durableState?.()
    if (applied === undefined || applied >= front) return
    const what = `its log begins behind ${front}, its durable state is at ${applied}`
    throw new Violation(this.name, `${id} has lost entries: ${what}`)
  }
}
