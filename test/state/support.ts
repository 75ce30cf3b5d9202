/** What tests of the state machine have in common: short ways to write commands and entries. */
import { encodeCommand, encodeEntry } from '../../src/command/index.ts'
import type { Answer, CallId, Command, Identity, Operation } from '../../src/command/index.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Entry } from '../../src/raft/types.ts'
import { StateImport, StateMachine } from '../../src/state/index.ts'
import type {
  StateDatabase,
  StateImportOptions,
  StateMachineOptions,
} from '../../src/state/index.ts'

/** Bytes of a text. */
export function b(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** The text of bytes. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

/** A session born at `birth`; `tag` tells sessions of one birth apart. */
export function sessionName(birth: number, tag = 0): Uint8Array {
  const name = Buffer.alloc(18)
  name.writeUIntBE(birth, 0, 6)
  name.writeUInt16BE(tag, 16)
  return new Uint8Array(name)
}

/** A put without a condition, unless one is given. */
export function put(key: string, value: string, ifRevision?: number): Operation & { kind: 'put' } {
  return { kind: 'put', key: b(key), value: b(value), ifRevision }
}

/** A delete. */
export function del(key: string, ifRevision?: number): Operation & { kind: 'delete' } {
  return { kind: 'delete', key: b(key), ifRevision }
}

/** No identity. */
export const plain: Identity = { kind: 'none' }
/** The record is its own token. */
export const once: Identity = { kind: 'once' }

/** A caller's token. */
export function token(name: string, time: number): Identity {
  return { kind: 'token', token: b(name), time }
}

/** A write. */
export function write(call: CallId, operation: Operation, identity: Identity = plain): Command {
  return { kind: 'write', call, identity, operation }
}

/** Opens a state machine without filters or thresholds of its own choice. */
export function openMachine(
  database: StateDatabase,
  options: Partial<StateMachineOptions> = {},
): Promise<StateMachine> {
  return StateMachine.open({ database, logger: silentLogger, ...options })
}

/** A machine with the log that it was fed from: one call, one entry, unless told otherwise. */
export class Driver {
  readonly log: Entry[] = []
  machine: StateMachine
  /** The stamp of the next entries. */
  time: number
  #sequence = 0
  readonly session: Uint8Array

  constructor(machine: StateMachine, time: number) {
    this.machine = machine
    this.time = time
    this.session = sessionName(time, 255)
  }

  /** The next call of the driver's own session. */
  call(): CallId {
    this.#sequence++
    return { session: this.session, sequence: this.#sequence, firstOutstanding: this.#sequence }
  }

  /** Applies one entry. */
  apply(...commands: Command[]): readonly Answer[] {
    const index = this.machine.appliedIndex + 1
    const data = encodeEntry(this.time, commands.map(encodeCommand))
    const entry: Entry = { index, term: 1, kind: 'commands', data }
    this.log.push(entry)
    return this.machine.apply([entry])[0]!.answers
  }

  /** Applies an entry with a configuration. */
  config(data: Uint8Array): Entry {
    const index = this.machine.appliedIndex + 1
    const entry: Entry = { index, term: 1, kind: 'config', data }
    this.log.push(entry)
    this.machine.apply([entry])
    return entry
  }

  /** Applies one command. */
  one(command: Command): Answer {
    return this.apply(command)[0]!
  }

  /** A write of the driver's own session. */
  write(operation: Operation, identity: Identity = plain): Answer {
    return this.one(write(this.call(), operation, identity))
  }

  /** Applies again what the machine has not, after it was opened on an older state. */
  replay(machine: StateMachine): void {
    this.machine = machine
    machine.apply(this.log.slice(machine.appliedIndex))
  }
}

/** All frames of a machine's state as it is now. */
export async function exportFrames(machine: StateMachine): Promise<Uint8Array[]> {
  const opened = await machine.openExport()
  try {
    const frames: Uint8Array[] = []
    for (;;) {
      const { bytes, last } = await opened.frame(frames.length)
      frames.push(bytes)
      if (last) return frames
    }
  } finally {
    await opened.close()
  }
}

/** Imports frames into a database; with fewer than all, it is left open, as when they stop coming. */
export async function importFrames(
  database: StateDatabase,
  frames: Iterable<Uint8Array>,
  options: Partial<StateImportOptions> = {},
): Promise<StateImport> {
  const into = await StateImport.open({ database, logger: silentLogger, ...options })
  try {
    for (const frame of frames) await into.write(frame)
  } catch (error) {
    await into.abort()
    throw error
  }
  return into
}
