/**
 * Which generation of the state is the live one. A state that is replaced as a whole is built
 * beside the old one, under the next number; this small file switches over, atomically.
 */
import { assert } from '../assert.ts'
import type { Disk } from '../ports.ts'
import type { EntryId } from '../raft/index.ts'
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

/** What the pointer says. */
export interface LiveState {
  readonly generation: number
  /**
   * Set where this generation came from a snapshot: the entry that the snapshot stood at. A log
   * that lacks it is to be reset behind it: the process ended between the switch and the reset.
   */
  readonly snapshot: EntryId | undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}

function parseLiveState(content: unknown): Parsed<LiveState> {
  const fields: Readonly<Record<string, unknown>> = isRecord(content) ? content : {}
  const { generation, snapshot } = fields
  if (!isCount(generation)) return { problem: 'it names no generation' }
  if (snapshot === undefined) return { value: { generation, snapshot } }
  const { index, term } = isRecord(snapshot) ? snapshot : {}
  if (!isCount(index) || !isCount(term)) return { problem: 'the snapshot it names is no entry' }
  return { value: { generation, snapshot: { index, term } } }
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
  async read(): Promise<LiveState | undefined> {
    return readDocument(this.#options, parseLiveState)
  }

  /**
   * Makes another generation the live one, durably, and says which snapshot it came from, if it did.
   * What it holds must be durable before.
   */
  async switchTo(generation: number, snapshot?: EntryId): Promise<void> {
    assert(isCount(generation), 'generations are counted from 1')
    const { index = 1, term = 1 } = snapshot ?? {}
    assert(isCount(index) && isCount(term), 'a snapshot stands at an entry')
    const content =
      snapshot === undefined ? { generation } : { generation, snapshot: { index, term } }
    await writeDocument(this.#options, content)
  }
}
