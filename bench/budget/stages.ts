/**
 * What a put costs, stage by stage: the very functions of the product, called in a loop without
 * sockets between them. All of it is for puts of one size that travel in groups of one size.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { present } from '../../src/assert.ts'
import {
  checkCommand,
  decodeCommand,
  defaultLimits,
  encodeCommand,
  encodeEntry,
} from '../../src/command/index.ts'
import type { Command } from '../../src/command/index.ts'
import { silentLogger } from '../../src/logger.ts'
import type { AppendEntries, Entry } from '../../src/raft/index.ts'
import { StateMachine } from '../../src/state/index.ts'
import { openStateDatabase } from '../../src/system/index.ts'
import { decodeClientFrame, packRequests, requestToWire } from '../../src/transport/client-codec.ts'
import { decodePeerFrame, encodePeerFrame } from '../../src/transport/peer-codec.ts'
import { decodeNodeFrame, packReplies, replyToWire } from '../../src/transport/reply-codec.ts'
import { encodeFlush, flushBytesFor } from '../../src/wal/flush.ts'
import type { WalRecord } from '../../src/wal/records.ts'
import { keyOf, valuesOf } from '../load/values.ts'
import type { Stage } from './measure.ts'

/** The shape of what is measured. */
export interface Shape {
  readonly puts: number
  readonly valueBytes: number
  /** Puts that go together: in a frame, an entry, a flush, a frame of answers. */
  readonly group: number
  readonly withToken: boolean
}

const sessionName = (): Uint8Array => {
  const name = new Uint8Array(18).fill(7)
  const view = new DataView(name.buffer)
  const now = Date.now()
  view.setUint16(0, Math.floor(now / 0x1_0000_0000))
  view.setUint32(2, now % 0x1_0000_0000)
  return name
}

/** Everything that the stages work on, made beforehand. */
export class Material {
  readonly shape: Shape
  readonly commands: readonly Command[]
  readonly encoded: readonly Uint8Array[]
  readonly entries: readonly Entry[]
  readonly groups: readonly (readonly Uint8Array[])[]

  constructor(shape: Shape) {
    this.shape = shape
    const values = valuesOf(1, shape.valueBytes)
    const session = sessionName()
    const now = Date.now()
    this.commands = Array.from({ length: shape.puts }, (_, i): Command => {
      const key = Buffer.from(keyOf('bench/a/', i))
      const value = Buffer.from(present(values[i % values.length], 'values take turns'))
      return {
        kind: 'write',
        call: {
          session,
          sequence: i + 1,
          firstOutstanding: Math.max(1, i + 2 - shape.group),
        },
        identity: shape.withToken
          ? { kind: 'token', token: Buffer.from(`token/${i}`), time: now }
          : { kind: 'none' },
        operation: { kind: 'put', key, value, ifRevision: undefined },
      }
    })
    this.encoded = this.commands.map((command) => encodeCommand(command))
    this.groups = grouped(this.encoded, shape.group)
    this.entries = this.groups.map((commands, i) => ({
      index: i + 1,
      term: 1,
      kind: 'commands',
      data: encodeEntry(now, commands),
    }))
  }

  requests(): Uint8Array[] {
    return this.groups.map((commands) =>
      packRequests(
        commands.map((command, i) =>
          requestToWire({ id: i + 1, timeoutMs: 5_000, kind: 'write', command }),
        ),
      ),
    )
  }

  replies(): Uint8Array[] {
    const clusterTime = Date.now()
    return this.groups.map((commands) =>
      packReplies(
        commands.map((_, i) =>
          replyToWire({
            id: i + 1,
            kind: 'answer',
            answer: { status: 'applied', revision: i + 1 },
            clusterTime,
          }),
        ),
      ),
    )
  }

  appends(): Uint8Array[] {
    return this.entries.map((entry) => {
      const message: AppendEntries = {
        type: 'appendEntries',
        from: 'n1',
        to: 'n2',
        term: 1,
        prevLog: { index: entry.index - 1, term: entry.index === 1 ? 0 : 1 },
        entries: [entry],
        leaderCommit: entry.index - 1,
      }
      return encodePeerFrame({ type: 'messages', messages: [message] })
    })
  }

  flushes(): void {
    let previousChecksum = 0
    for (const [i, entry] of this.entries.entries()) {
      const records: WalRecord[] = [{ type: 'entry', entry }]
      const frame = new Uint8Array(flushBytesFor(records))
      const place = { flushNumber: i + 1, segmentNumber: 1, fileOffset: 4_096, seed: 1 }
      previousChecksum = encodeFlush(frame, records, { ...place, previousChecksum })
    }
  }
}

/** The stages of one put, in the order in which it passes through them. */
export function stagesOf(material: Material): readonly Stage[] {
  const { commands, encoded, groups } = material
  const requests = material.requests()
  const replies = material.replies()
  const appends = material.appends()
  const stage = (where: Stage['where'], name: string, run: () => void | Promise<void>): Stage => ({
    where,
    name,
    run,
  })
  return [
    stage('client', 'encode and check the command', () => {
      for (const command of commands) {
        checkCommand(command, defaultLimits)
        encodeCommand(command)
      }
    }),
    stage('client', 'pack the frame of requests', () => void material.requests()),
    stage('leader', 'unpack and validate the frame', () => {
      for (const frame of requests) decodeClientFrame(frame)
    }),
    stage('leader', 'decode and check the command', () => {
      for (const bytes of encoded) checkCommand(decodeCommand(bytes), defaultLimits)
    }),
    stage('leader', 'put the entry together', () => {
      for (const group of groups) encodeEntry(0, group)
    }),
    stage('leader', 'pack the entry for one follower', () => void material.appends()),
    stage('follower', 'unpack and validate it', () => {
      for (const frame of appends) decodePeerFrame(frame)
    }),
    stage('each node', 'make the flush of the log, with its checksums', () => material.flushes()),
    ...stateStages(material),
    stage('leader', 'pack the frame of answers', () => void material.replies()),
    stage('client', 'unpack and validate the answers', () => {
      for (const frame of replies) decodeNodeFrame(frame)
    }),
  ]
}

/** Applying to an overlay that is never written; and with all that LevelDB does, in its threads too. */
function stateStages({ entries }: Material): readonly Stage[] {
  const run = async (overlayFlushBytes: number): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'quorate-budget-'))
    const machine = await StateMachine.open({
      database: await openStateDatabase(directory),
      overlayFlushBytes,
      overlayBytesMax: Math.max(overlayFlushBytes, 33_554_432),
      logger: silentLogger,
    })
    try {
      // Until then every lookup asks LevelDB, as in the first moments of a node alone.
      while (!machine.status().filtersReady) await new Promise(setImmediate)
      for (const entry of entries) {
        if (machine.overlayFull) await machine.drained()
        machine.apply([entry])
      }
      if (overlayFlushBytes < neverBytes) await machine.flush()
    } finally {
      await machine.abandon()
      rmSync(directory, { recursive: true })
    }
  }
  return [
    { where: 'each node', name: 'apply, to memory', run: () => run(neverBytes) },
    { where: 'each node', name: 'the same, and write it to LevelDB', run: () => run(1_048_576) },
  ]
}

const neverBytes = 2 ** 40

function grouped<T>(values: readonly T[], size: number): T[][] {
  const groups: T[][] = []
  for (let i = 0; i < values.length; i += size) groups.push(values.slice(i, i + size))
  return groups
}
