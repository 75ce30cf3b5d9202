/**
 * The search for an order: Wing and Gong 1993, with Lowe's cache of configurations (2017), as one
 * loop with a stack of its own, because histories are deeper than the call stack.
 *
 * A configuration is what has its place so far, and the state. What may come next is every call
 * that began before the first of the remaining ones ended. Three observations spare most of the
 * work, and none of them a verdict:
 *
 * 1. What only reads (`Model.reads`) is placed as soon as it fits, without an alternative. Given an
 *    order from here on, move it to the front: it fits, and the others do not miss it.
 * 2. An open call is only used where it changes the state, and of equal ones the earliest
 *    (`open-calls.ts`). Otherwise it may as well come at the end, where it is not needed: an order
 *    is found when all calls that ended have their place.
 * 3. Configurations are given up where one at least as good was seen (`seen-configurations.ts`).
 *    Nothing is lost: of the configurations that were entered and from which an order exists, take
 *    one with the shortest way to it. The next one on that way was entered, and is nearer; or one at
 *    least as good was, and is as near.
 */
import { setImmediate } from 'node:timers/promises'
import type { Operation } from '../history/index.ts'
import { EntryList } from './entry-list.ts'
import { Budget, type Exhausted, type Limits } from './limits.ts'
import type { Model } from './model.ts'
import { OpenCalls } from './open-calls.ts'
import { PlacedSet } from './placed-set.ts'
import { CacheFull, SeenConfigurations } from './seen-configurations.ts'
import { illegalStep, StepTable } from './step-table.ts'

/** How a search ended. `order` holds all calls that ended, and the open ones that were needed. */
export type Found =
  | { readonly type: 'order'; readonly order: readonly Operation[]; readonly steps: number }
  | { readonly type: 'none'; readonly steps: number }
  | { readonly type: 'unknown'; readonly exhausted: Exhausted; readonly steps: number }

/** Where the search got no further. */
export interface DeadEnd {
  /** Calls with an end that have their place. */
  readonly placed: number
  /** What was placed so far, in order. */
  order(): readonly Operation[]
}

/** Told of every dead end. */
export type DeadEndListener = (end: DeadEnd) => void

/** In place of a move: there is none. */
const none = -1
/** Some 50 ms. */
const stepsBetweenPauses = 100_000

/** One search; used once. */
export class Search {
  readonly #table: StepTable
  readonly #ended: readonly Operation[]
  readonly #kinds: Int32Array
  /** Of an ended operation: 1 if it only reads. */
  readonly #reads: Uint8Array
  /** Of an ended operation: its place among those with a rank; -1: it has none. */
  readonly #ranks: Int32Array
  readonly #open: OpenCalls
  readonly #list: EntryList
  readonly #placed: PlacedSet
  readonly #used: PlacedSet
  readonly #seen: SeenConfigurations
  readonly #budget: Budget
  readonly #memoryBytesMax: number
  readonly #onDeadEnd: DeadEndListener | undefined

  /**
   * The stack. A move is the entry of a call, or `head + 1 +` a group of open calls. `#tops` has
   * the number of ended operations among which all placed ones are.
   */
  readonly #moves: number[] = []
  readonly #states: number[] = []
  readonly #tops: number[] = []
  readonly #forced: boolean[] = []
  #state: number
  #top = 0
  /** How many operations with a rank are placed. */
  #ranked = 0

  constructor(
    model: Model<unknown>,
    operations: readonly Operation[],
    limits: Limits,
    onDeadEnd?: DeadEndListener,
  ) {
    this.#table = new StepTable(model.narrow?.(operations) ?? model)
    this.#state = this.#table.initial
    this.#ended = operations
      .filter(({ outcome }) => outcome !== 'info')
      .sort((a, b) => a.begin - b.begin)
    this.#kinds = Int32Array.from(this.#ended, (operation) => this.#table.kindOf(operation))
    this.#reads = Uint8Array.from(this.#ended, (operation) => (model.reads(operation) ? 1 : 0))
    this.#ranks = ranksOf(model, this.#ended)
    this.#open = new OpenCalls(
      operations.filter(({ outcome }) => outcome === 'info'),
      this.#table,
    )
    this.#list = new EntryList(this.#ended)
    this.#placed = new PlacedSet(this.#ended.length)
    this.#used = new PlacedSet(this.#open.operations.length)
    this.#seen = new SeenConfigurations(limits.memoryBytesMax, this.#used.words.length)
    this.#budget = new Budget(limits)
    this.#memoryBytesMax = limits.memoryBytesMax
    this.#onDeadEnd = onDeadEnd
  }

  /**
   * The same with as many steps as it takes, and others have a turn now and then: timers, and the
   * signals that interrupt it.
   */
  async runWithPauses(): Promise<Found> {
    for (;;) {
      this.#budget.grant(stepsBetweenPauses)
      const found = this.run()
      if (found.type !== 'unknown' || found.exhausted !== 'steps') return found
      await setImmediate()
    }
  }

  /**
   * Searches until there is an order, or surely none, or a limit is met. Where only the steps ran
   * out it can go on from there.
   */
  run(): Found {
    try {
      const exhausted = this.#explore()
      const { steps } = this.#budget
      if (exhausted !== undefined) return { type: 'unknown', exhausted, steps }
      return this.#list.length === 0
        ? { type: 'order', order: this.#order(), steps }
        : { type: 'none', steps }
    } catch (error) {
      if (!(error instanceof CacheFull)) throw error
      return { type: 'unknown', exhausted: 'memory', steps: this.#budget.steps }
    }
  }

  /** Ends with everything placed, or with nothing left to try: then the stack is empty. */
  #explore(): Exhausted | undefined {
    while (this.#list.length > 0) {
      const exhausted = this.#budget.spend()
      if (exhausted !== undefined) return exhausted
      const reading = this.#nextRead()
      if (reading !== none) {
        this.#place(reading, true)
        continue
      }
      let move = this.#isNew() ? this.#nextMove(none) : none
      if (move === none) this.#tellDeadEnd()
      while (move === none) {
        const last = this.#takeBack()
        if (last === none) return undefined
        move = this.#nextMove(last)
      }
      this.#place(move, false)
    }
    return undefined
  }

  /** A call that only reads and fits here; observation 1. */
  #nextRead(): number {
    const { head, call, operation } = this.#list
    for (
      let at = this.#list.after(head);
      at !== head && call[at] === 1;
      at = this.#list.after(at)
    ) {
      const index = operation[at] ?? 0
      if (this.#reads[index] === 1 && this.#stepOf(index) === this.#state) return at
    }
    return none
  }

  /** The next move behind `last` that is legal here. */
  #nextMove(last: number): number {
    const { head, call, operation, place } = this.#list
    if (last <= head) {
      const from = this.#list.after(last === none ? head : last)
      for (let at = from; at !== head && call[at] === 1; at = this.#list.after(at)) {
        const index = operation[at] ?? 0
        const rank = this.#ranks[index] ?? none
        if (rank !== none && rank !== this.#ranked) continue
        if (this.#stepOf(index) !== illegalStep) return at
      }
    }
    let first = this.#list.after(head)
    while (call[first] === 1) first = this.#list.after(first)
    const before = place[first] ?? 0
    for (let group = last <= head ? 0 : last - head; group < this.#open.kinds.length; group++) {
      if (!this.#open.ready(group, before)) continue
      const next = this.#table.step(this.#state, this.#open.kinds[group] ?? 0)
      // Observation 2.
      if (next !== this.#state && next !== illegalStep) return head + 1 + group
    }
    return none
  }

  #stepOf(operation: number): number {
    return this.#table.step(this.#state, this.#kinds[operation] ?? 0)
  }

  /** Whether no configuration at least as good was seen; observation 3. */
  #isNew(): boolean {
    if (this.#table.bytes > this.#memoryBytesMax) throw new CacheFull()
    const first = this.#list.operation[this.#list.after(this.#list.head)] ?? 0
    return !this.#seen.seen({
      state: this.#state,
      hash: this.#placed.hash,
      tag: this.#placed.tag,
      ended: this.#placed.words,
      from: first >>> 5,
      to: (this.#top + 31) >>> 5,
      open: this.#used.words,
    })
  }

  #place(move: number, forced: boolean): void {
    const { head, operation } = this.#list
    this.#moves.push(move)
    this.#states.push(this.#state)
    this.#tops.push(this.#top)
    this.#forced.push(forced)
    if (move < head) {
      const index = operation[move] ?? 0
      this.#state = this.#stepOf(index)
      this.#top = Math.max(this.#top, index + 1)
      if (this.#ranks[index] !== none) this.#ranked++
      this.#placed.flip(index)
      this.#list.lift(move)
      return
    }
    const group = move - head - 1
    this.#state = this.#table.step(this.#state, this.#open.kinds[group] ?? 0)
    const used = this.#open.next[group] ?? 0
    this.#used.flip(used)
    this.#open.next[group] = used + 1
  }

  /** Takes moves back up to one that had alternatives, and names it; `none`: there is none. */
  #takeBack(): number {
    const { head, operation } = this.#list
    for (;;) {
      const move = this.#moves.pop()
      if (move === undefined) return none
      this.#state = this.#states.pop() ?? 0
      this.#top = this.#tops.pop() ?? 0
      if (move < head) {
        const index = operation[move] ?? 0
        this.#list.unlift(move)
        this.#placed.flip(index)
        if (this.#ranks[index] !== none) this.#ranked--
      } else {
        const group = move - head - 1
        const used = (this.#open.next[group] ?? 0) - 1
        this.#open.next[group] = used
        this.#used.flip(used)
      }
      if (this.#forced.pop() !== true) return move
    }
  }

  #tellDeadEnd(): void {
    if (this.#onDeadEnd === undefined) return
    const placed = this.#ended.length - this.#list.length
    this.#onDeadEnd({ placed, order: () => this.#order() })
  }

  /** What the stack placed. Open calls of a group were used in their order. */
  #order(): Operation[] {
    const { head, operation } = this.#list
    const used = new Map<number, number>()
    for (const move of this.#moves) {
      const group = move - head - 1
      if (move > head) used.set(group, (used.get(group) ?? 0) + 1)
    }
    const firsts = new Map<number, number>()
    for (const [group, count] of used) firsts.set(group, (this.#open.next[group] ?? 0) - count)
    return this.#moves.flatMap((move) => {
      if (move < head) return this.#ended[operation[move] ?? 0] ?? []
      const at = firsts.get(move - head - 1) ?? 0
      firsts.set(move - head - 1, at + 1)
      return this.#open.operations[at] ?? []
    })
  }
}

/** See `Model.rank`. Among equal ranks it does not matter: no order holds two of them. */
function ranksOf(model: Model<unknown>, operations: readonly Operation[]): Int32Array {
  const ranks = new Int32Array(operations.length).fill(none)
  const ranked = operations
    .map((operation, index) => ({ index, rank: model.rank?.(operation) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
  for (const [place, { index }] of ranked.entries()) ranks[index] = place
  return ranks
}
