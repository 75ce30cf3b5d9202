/** The harness's side of orders to the process of a node; `follow.ts` is the other. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { builtModule } from '../package-files.ts'
import { answerSuffix } from './follow.ts'

/** Orders through a file, numbered, so that an answer can say which one it follows. */
export class OrderFile<Order, Answer extends { readonly number: number }> {
  readonly #path: string
  readonly #parse: (text: string) => Answer | undefined
  #number = 0

  /** `path`: of the file, which may not exist yet. `parse`: reads an answer; undefined: it is none. */
  constructor(path: string, parse: (text: string) => Answer | undefined) {
    this.#path = path
    this.#parse = parse
  }

  /** Gives an order in place of the one before. */
  set(order: Order): void {
    this.#number++
    const temporary = `${this.#path}.tmp`
    writeFileSync(temporary, JSON.stringify({ number: this.#number, order }) + '\n')
    renameSync(temporary, this.#path)
  }

  /** The newest answer to the last order; undefined: none yet. */
  answer(): Answer | undefined {
    let text: string
    try {
      text = readFileSync(`${this.#path}${answerSuffix}`, 'utf8')
    } catch {
      // The node has not answered anything yet.
      return undefined
    }
    const answer = this.#parse(text)
    return answer?.number === this.#number ? answer : undefined
  }
}

/** A module that nodes are made to load, and the file of the orders that it follows. */
export interface Obedience {
  /** Below `jepsen-style`, without its extension. */
  readonly module: string
  /** Names the file to the module. */
  readonly variable: string
  readonly path: string
}

/** The environment with which a process loads them; `inherited`: the `NODE_OPTIONS` it had. */
export function obedientEnvironment(
  parts: readonly Obedience[],
  inherited = '',
): Readonly<Record<string, string>> {
  const loads = parts.map(({ module }) => `--import=${pathToFileURL(builtModule(module)).href}`)
  return {
    NODE_OPTIONS: [inherited, ...loads].filter((each) => each !== '').join(' '),
    ...Object.fromEntries(parts.map(({ variable, path }) => [variable, path])),
  }
}
