/** The harness's side of a node's wall clock; `shift.ts` is the other. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { ClockAnswer, ClockOrder, NodeClock } from '../cluster.ts'
import { builtModule } from '../package-files.ts'
import { answerSuffix, orderVariable, parseAnswer } from './order.ts'

/** A clock that is ordered through a file. */
export class OrderedClock implements NodeClock {
  readonly #path: string
  #number = 0

  /** `path`: of the file, which may not exist yet. */
  constructor(path: string) {
    this.#path = path
  }

  set(order: ClockOrder): void {
    this.#number++
    const temporary = `${this.#path}.tmp`
    writeFileSync(temporary, JSON.stringify({ number: this.#number, order }) + '\n')
    renameSync(temporary, this.#path)
  }

  answer(): ClockAnswer | undefined {
    let text: string
    try {
      text = readFileSync(`${this.#path}${answerSuffix}`, 'utf8')
    } catch {
      // The node has not answered anything yet.
      return undefined
    }
    const answer = parseAnswer(text)
    if (answer?.number !== this.#number) return undefined
    return { pid: answer.pid, differenceMs: answer.differenceMs }
  }
}

/** The environment with which a process follows the orders in a file. */
export function clockEnvironment(
  path: string,
  inherited: string | undefined,
): Readonly<Record<string, string>> {
  const load = `--import=${pathToFileURL(builtModule('cluster/clock/shift')).href}`
  return {
    NODE_OPTIONS: inherited === undefined || inherited === '' ? load : `${inherited} ${load}`,
    [orderVariable]: path,
  }
}
