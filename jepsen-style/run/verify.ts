/** What is read when all is healed and no call is under way: final reads, and every node's digest. */
import type { Client } from 'quorate'
import type { FinalState, WorkloadRun } from '../workloads/workload.ts'
import { callOnce } from './callers.ts'
import { messageOf } from './cleanup.ts'
import type { RunClock } from './clock.ts'
import type { Journal } from './journal.ts'

/** How often a final read is tried, and how long it rests between two tries, ms. */
const readTries = 10
const readPauseMs = 500
/** Every row of every node is read for a digest: this is for millions. */
const digestMsMax = 120_000
/** A node that is still catching up gives none; it is asked again for this long, ms. */
const digestsMsMax = 60_000

/** What the final reads need. */
export interface FinalReadsOptions {
  readonly workload: WorkloadRun
  readonly client: Client
  readonly journal: Journal
  readonly clock: RunClock
  /** The first process number that was never used. */
  readonly process: number
  /** Aborted: no further read begins. */
  readonly stop: AbortSignal
}

/**
 * Makes the workload's final reads, one after the other. A read that fails is made again, and after
 * one without an answer under another process number. Resolves with what could not be read.
 */
export async function readFinally(options: FinalReadsOptions): Promise<readonly string[]> {
  const { workload, client, journal, clock, stop } = options
  let { process } = options
  const missing: string[] = []
  for (const invocation of workload.finalReads?.() ?? []) {
    for (let tries = 1; ; tries++) {
      if (stop.aborted) return missing
      const call = { workload, client, journal, invocation, slot: 0, process }
      const { type, error } = await callOnce(call)
      if (type === 'info') process++
      if (type === 'ok') break
      if (tries >= readTries) {
        const about = [invocation.f, invocation.key ?? ''].join(' ').trim()
        missing.push(`the final read ${about} failed: ${error ?? 'without an error'}`)
        break
      }
      await clock.sleep(readPauseMs, stop)
    }
  }
  return missing
}

/** What the nodes have, and which of them did not tell. */
export interface Digests {
  readonly final: FinalState
  readonly missing: readonly string[]
}

/** Asks every node for a digest of its state at one point of the log, until all have told. */
export async function readDigests(
  client: Pick<Client, 'digest'>,
  clock: RunClock,
  stop: AbortSignal,
): Promise<Digests> {
  const deadline = clock.now() + digestsMsMax
  for (;;) {
    const told = await digestsOnce(client, stop)
    if (told.missing.length === 0 || stop.aborted || clock.now() >= deadline) return told
    await clock.sleep(readPauseMs, stop)
  }
}

async function digestsOnce(client: Pick<Client, 'digest'>, stop: AbortSignal): Promise<Digests> {
  const digests: Record<string, string> = {}
  const missing: string[] = []
  try {
    const { nodes } = await client.digest({ timeout: digestMsMax, signal: stop })
    for (const node of nodes) {
      if ('id' in node) digests[node.id] = `${node.effects} ${node.rows}`
      else missing.push(`${node.endpoint} gave no digest: ${node.error.message}`)
    }
  } catch (error) {
    missing.push(`no node gave a digest: ${messageOf(error)}`)
  }
  return { final: { digests }, missing }
}
