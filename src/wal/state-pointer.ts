/**
 * Which generation of the state is the live one. A state that is replaced as a whole is built
 * beside the old one, under the next number; this small file switches over, atomically.
 */
import { assert } from '../assert.ts'
import type { Disk } from '../ports.ts'
import {
  isRecord,
  readDocument,
  writeDocument,
  type DocumentKind,
  type Parsed,
} from './document.ts'

const kind: DocumentKind = { name: 'current', document: 'quorate state', formatVersion: 1 }

/** `state-1` and so on: the directory of a generation, within the group's. */
export function stateDirectoryName(generation: number): string {
  assert(Number.isSafeInteger(generation) && generation >= 1, 'generations are counted from 1')
  return `state-${generation}`
}

function parseGeneration(content: unknown): Parsed<number> {
  const generation = isRecord(content) ? content['generation'] : undefined
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation) || generation < 1) {
    return { problem: 'it names no generation' }
  }
  return { value: generation }
}

/** The pointer file in a group's directory. */
export class StatePointer {
  readonly #options: {
    readonly disk: Disk
    readonly directory: string
    readonly kind: DocumentKind
  }

  constructor(options: { readonly disk: Disk; readonly directory: string }) {
    this.#options = { disk: options.disk, directory: options.directory, kind }
  }

  /**
   * The live generation; undefined where there is none yet. Damage is `QUORATE_CORRUPT`: the state
   * can be rebuilt, under a number that was not used before.
   */
  async read(): Promise<number | undefined> {
    return readDocument(this.#options, parseGeneration)
  }

  /** Makes another generation the live one, durably. What it holds must be durable before. */
  async switchTo(generation: number): Promise<void> {
    assert(Number.isSafeInteger(generation) && generation >= 1, 'generations are counted from 1')
    await writeDocument(this.#options, { generation })
  }
}
