/**
 * Goal: the state machine decides as its rules say, whatever is flushed when, wherever it crashes,
 * and however entries are grouped (faults of dedup, expiry, replay and of half-written state).
 *
 * Method: random logs go through a naive model and through the machine. The machine is cut by
 * crashes that keep any prefix of its batches, loses its whole state, and replays; each index must
 * get the model's answers every time it is applied. At the end records, tokens, counts and both
 * digests are compared.
 */
import { setImmediate } from 'node:timers/promises'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCommand, encodeEntry } from '../../src/command/index.ts'
import type { Answer } from '../../src/command/index.ts'
import type { Entry } from '../../src/raft/types.ts'
import type { StateMachine } from '../../src/state/index.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { allKeys, logs, start, tokens } from './arbitraries.ts'
import { Model } from './model.ts'
import type { ModelEntry } from './model.ts'
import { b, openMachine } from './support.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What happens between two entries. */
type Disturbance =
  | { readonly kind: 'nothing' | 'turn' | 'flush' | 'barrier' | 'reopen' | 'wipe' | 'pin' }
  | { readonly kind: 'crash'; readonly keep: number }

const disturbance: fc.Arbitrary<Disturbance> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Disturbance>({ kind: 'nothing' }) },
  { weight: 3, arbitrary: fc.constant<Disturbance>({ kind: 'turn' }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Disturbance>(
      { kind: 'flush' },
      { kind: 'barrier' },
      { kind: 'reopen' },
      { kind: 'pin' },
    ),
  },
  { weight: 2, arbitrary: fc.nat(20).map((keep): Disturbance => ({ kind: 'crash', keep })) },
  { weight: 1, arbitrary: fc.constant<Disturbance>({ kind: 'wipe' }) },
)

function entryOf({ stamp, commands }: ModelEntry, i: number): Entry {
  const data = encodeEntry(stamp, commands.map(encodeCommand))
  return { index: i + 1, term: 1, kind: 'commands', data }
}

const markEntry: ModelEntry = { stamp: start, commands: [{ kind: 'mark', id: b('end') }] }

/** Applies a log with what happens in between, and checks every answer each time it is given. */
class Run {
  readonly disk = new MemoryDatabase()
  readonly #entries: readonly Entry[]
  readonly #answers: readonly (readonly Answer[])[]
  readonly #flushBytes: number
  machine!: StateMachine

  constructor(
    log: readonly ModelEntry[],
    answers: readonly (readonly Answer[])[],
    flushBytes: number,
  ) {
    this.#entries = log.map(entryOf)
    this.#answers = answers
    this.#flushBytes = flushBytes
  }

  async open(): Promise<void> {
    this.machine = await openMachine(await this.disk.open(), {
      overlayFlushBytes: this.#flushBytes,
    })
  }

  /** Applies up to and with `index`: what is missing after a crash, too. */
  applyTo(index: number): void {
    while (this.machine.appliedIndex < index) {
      const next = this.#entries[this.machine.appliedIndex]!
      const [applied] = this.machine.apply([next])
      expect(applied?.answers).toEqual(this.#answers[next.index - 1])
    }
  }

  async disturb(what: Disturbance): Promise<void> {
    switch (what.kind) {
      case 'nothing':
        return
      case 'turn':
        await setImmediate()
        return
      case 'flush':
        await this.machine.flush()
        return
      case 'barrier':
        await this.machine.barrier()
        return
      case 'pin': {
        const { revision } = this.machine
        const scan = await this.machine.reader.openScan({
          reverse: false,
          limit: Infinity,
          keysOnly: true,
        })
        expect(scan.revision).toBe(revision)
        await scan.close()
        return
      }
      case 'reopen':
        await this.machine.close()
        break
      case 'crash':
        this.disk.crash(what.keep)
        break
      case 'wipe':
        this.disk.wipe()
        break
    }
    await this.open()
  }
}

function nameOf(answer: Answer): string {
  if (answer.status === 'refused') return answer.code
  return answer.status === 'fenced' ? `fenced ${answer.verdict.status}` : answer.status
}

function modelRun(log: readonly ModelEntry[]): { model: Model; answers: Answer[][] } {
  const model = new Model()
  return { model, answers: log.map((entry) => model.apply(entry)) }
}

function expectState(machine: StateMachine, model: Model): void {
  expect(machine.revision).toBe(model.revision)
  expect(machine.clusterTime).toBe(model.time)
  expect(machine.settings).toEqual(model.settings)
  expect(machine.effectsDigest).toBe(model.effects.toString('hex'))
  expect(machine.status()).toMatchObject({
    tokens: model.tokenCount,
    sessions: model.sessionCount,
  })
  for (const key of allKeys) {
    const row = machine.reader.get(key)
    const expected = model.rows.get(hex(key))
    expect(row && { ...row, value: hex(row.value) }).toEqual(
      expected && { ...expected, value: hex(expected.value) },
    )
  }
  for (const token of tokens) {
    for (const time of [undefined, start, model.time - 24 * 3_600_000]) {
      expect(machine.reader.token(token, time)).toEqual(model.token(hex(token), time))
    }
  }
}

describe('against the model', () => {
  test('every answer, record, token, count and digest, through crashes and replays', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        logs(25),
        fc.array(disturbance, { maxLength: 25 }),
        fc.constantFrom(1, 200, 600, 1_000_000),
        async (entries, disturbances, flushBytes) => {
          const log = [...entries, markEntry]
          const { model, answers } = modelRun(log)
          for (const answer of answers.flat()) seen.add(nameOf(answer))
          const run = new Run(log, answers, flushBytes)
          await run.open()

          for (let index = 1; index <= log.length; index++) {
            run.applyTo(index)
            if (index < log.length) await run.disturb(disturbances[index] ?? { kind: 'nothing' })
          }

          expectState(run.machine, model)
          const digests = await run.machine.reader.digestAt(b('end'))
          expect(digests).toEqual({
            index: log.length,
            effects: model.effects.toString('hex'),
            rows: model.rowsDigest(),
          })
          await run.machine.close()
        },
      ),
      { numRuns: 1200, seed: 2 },
    )
    // A generator that meets nothing proves nothing. The seed is fixed, so that this holds always.
    expect([...seen].sort()).toEqual([
      'QUORATE_SEQUENCE_REUSED',
      'QUORATE_SESSIONS_FULL',
      'QUORATE_SESSION_AHEAD',
      'QUORATE_SESSION_EXPIRED',
      'QUORATE_SESSION_FORGOTTEN',
      'QUORATE_SESSION_WINDOW',
      'QUORATE_TOKENS_FULL',
      'QUORATE_TOKEN_AHEAD',
      'QUORATE_TOKEN_CANCELLED',
      'QUORATE_TOKEN_EXPIRED',
      'QUORATE_USAGE',
      'applied',
      'conflict',
      'done',
      'duplicate',
      'fenced absent',
      'fenced expired',
      'fenced recorded',
      'mismatch',
    ])
  })

  test('a state cut off after every single batch goes on as if nothing had happened', async () => {
    await fc.assert(
      fc.asyncProperty(logs(12), async (log) => {
        const { model, answers } = modelRun(log)
        for (let keep = 0; keep <= log.length; keep++) {
          const run = new Run(log, answers, 1)
          await run.open()
          for (let index = 1; index <= log.length; index++) {
            run.applyTo(index)
            await run.machine.flush()
          }
          expect(run.disk.volatileBatches).toBe(log.length)

          await run.disturb({ kind: 'crash', keep })

          expect(run.machine.appliedIndex).toBe(keep)
          run.applyTo(log.length)
          expectState(run.machine, model)
        }
      }),
      { numRuns: 60 },
    )
  })
})
