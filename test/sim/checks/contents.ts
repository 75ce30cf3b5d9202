/**
 * What calls and commands ask for, as texts that are equal where they ask for the same. The time of
 * a token is left out: a call that does not say it has one all the same.
 */
import { unreachable } from '../../../src/assert.ts'
import type { Call, Change } from '../workload/history.ts'

import type { Replay, ReplayedCommand } from './replay.ts'
import { textOf } from './replay.ts'

function contentOfCall({ request }: Call): string | undefined {
  switch (request.kind) {
    case 'put':
    case 'delete':
    case 'batch': {
      const { token, once, kind, changes } = request
      const identity = token === undefined ? (once === true ? 'once' : '') : `token ${token}`
      return content(kind, identity, changes)
    }
    case 'verdict':
      return request.fence ? `fence ${request.token}` : undefined
    case 'setting':
      return `setting ${request.name} ${request.value}`
    case 'get':
    case 'scan':
      return undefined
    default:
      return unreachable(request)
  }
}

function contentOf({ command, changes }: ReplayedCommand): string | undefined {
  switch (command.kind) {
    case 'write': {
      const { identity, operation } = command
      const named = identity.kind === 'token' ? `token ${textOf(identity.token)}` : identity.kind
      return content(operation.kind, named === 'none' ? '' : named, changes)
    }
    case 'fence':
      return `fence ${textOf(command.token)}`
    case 'setting':
      return `setting ${command.name} ${command.value}`
    case 'closeSession':
    case 'mark':
      return undefined
    default:
      return unreachable(command)
  }
}

/** Token time of a command; undefined: it has none. */
export function timeOf({ command }: ReplayedCommand): number | undefined {
  if (command.kind === 'fence') return command.time
  if (command.kind !== 'write' || command.identity.kind !== 'token') return undefined
  return command.identity.time
}

/** Whether a call that says a token time says this one. */
export function mayHaveTime({ request }: Call, time: number | undefined): boolean {
  const own = 'tokenTime' in request ? request.tokenTime : undefined
  return own === undefined || own === time
}

function content(kind: string, identity: string, changes: readonly Change[]): string {
  const shown = changes.map(
    ({ key, value, ifRevision }) => `${key}=${value ?? ''}@${ifRevision ?? ''}`,
  )
  return `${kind} ${identity} ${shown.join(' ')}`
}

/** What all commands and calls ask for, each put into words once. */
export class Contents {
  readonly #replay: Replay
  readonly #byContent = new Map<string, ReplayedCommand[]>()
  readonly #ofCommands = new Map<ReplayedCommand, string>()
  readonly #ofCalls = new Map<Call, string | undefined>()
  #filled = 0

  constructor(replay: Replay) {
    this.#replay = replay
  }

  /** What a command asks for; undefined: no call of a client asks for it. */
  of(command: ReplayedCommand): string | undefined {
    this.#fill()
    return this.#ofCommands.get(command)
  }

  /** What a call asks the log for; undefined: it only reads. */
  ofCall(call: Call): string | undefined {
    if (!this.#ofCalls.has(call)) this.#ofCalls.set(call, contentOfCall(call))
    return this.#ofCalls.get(call)
  }

  /** Copies of a call's command that stand after `from`, up to `to`. */
  copies(call: Call, from: number, to: number): readonly ReplayedCommand[] {
    this.#fill()
    const text = this.ofCall(call)
    const all = text === undefined ? [] : (this.#byContent.get(text) ?? [])
    return all.filter(
      (each) => each.index > from && each.index <= to && mayHaveTime(call, timeOf(each)),
    )
  }

  #fill(): void {
    const { commands } = this.#replay
    for (; this.#filled < commands.length; this.#filled++) {
      const command = commands[this.#filled]
      const text = command === undefined ? undefined : contentOf(command)
      if (command === undefined || text === undefined) continue
      this.#ofCommands.set(command, text)
      const known = this.#byContent.get(text)
      if (known === undefined) this.#byContent.set(text, [command])
      else known.push(command)
    }
  }
}
