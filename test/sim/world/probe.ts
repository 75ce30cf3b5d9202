/**
 * Looks into running nodes from outside: the doors of core, state machine and transport are
 * wrapped, once per thread, so that whatever goes through them is shown to the checks of the
 * lifetime under way. The code behind the doors is the product's, untouched.
 */
import { Raft } from '../../../src/raft/index.ts'
import type { Entry, Message, Ready } from '../../../src/raft/index.ts'
import { StateImport, StateMachine } from '../../../src/state/index.ts'
import type { AppliedEntry } from '../../../src/state/index.ts'
import { PeerTransport } from '../../../src/transport/index.ts'
import type { StateFrame } from '../../../src/transport/index.ts'

/** What a lifetime wants to see. `running` tells on whose behalf. */
export interface Probe {
  /** The first call of any kind on a core: it is as it was opened. */
  onCore(raft: Raft): void
  onReady(raft: Raft, ready: Ready): void
  onAdvance(raft: Raft, ready: Ready): void
  onStep(raft: Raft, message: Message): void
  onReadIndex(raft: Raft, id: number): void
  /** Its log on disk begins behind this entry from now on. */
  onCompacted(raft: Raft, index: number): void
  /** A snapshot was begun to be read. */
  onExport(): void
  /** One was begun to be written, or is whole. */
  onImport(stage: 'begun' | 'whole'): void
  onSend(messages: readonly Message[]): void
  /** On behalf of the running node, to this one. */
  onSendState(to: string, frame: StateFrame): void
  onApplied(state: StateMachine, entries: readonly Entry[], applied: readonly AppliedEntry[]): void
}

let active: Probe | undefined
let known = new WeakSet<Raft>()
let installed = false

/** Shows everything to this probe from now on, and to no other. */
export function attachProbe(probe: Probe): void {
  install()
  active = probe
  known = new WeakSet()
}

/** Nobody looks any more. */
export function detachProbe(): void {
  active = undefined
}

function meet(raft: Raft): void {
  if (active === undefined || known.has(raft)) return
  known.add(raft)
  active.onCore(raft)
}

function install(): void {
  if (installed) return
  installed = true
  wrapCore()
  const apply = methodOf(StateMachine.prototype, 'apply')
  StateMachine.prototype.apply = function (entries): readonly AppliedEntry[] {
    const applied = apply.call(this, entries)
    active?.onApplied(this, entries, applied)
    return applied
  }
  const openExport = methodOf(StateMachine.prototype, 'openExport')
  StateMachine.prototype.openExport = function () {
    active?.onExport()
    return openExport.call(this)
  }
  const finish = methodOf(StateImport.prototype, 'finish')
  StateImport.prototype.finish = async function (rewrite) {
    const summary = await finish.call(this, rewrite)
    active?.onImport('whole')
    return summary
  }
  const open = methodOf(StateImport, 'open')
  StateImport.open = async function (options): Promise<StateImport> {
    const opened = await open.call(StateImport, options)
    active?.onImport('begun')
    return opened
  }
  const send = methodOf(PeerTransport.prototype, 'send')
  PeerTransport.prototype.send = function (messages): void {
    active?.onSend(messages)
    send.call(this, messages)
  }
  const sendState = methodOf(PeerTransport.prototype, 'sendState')
  PeerTransport.prototype.sendState = function (to, frame): boolean {
    active?.onSendState(to, frame)
    return sendState.call(this, to, frame)
  }
}

function wrapCore(): void {
  const tick = methodOf(Raft.prototype, 'tick')
  const step = methodOf(Raft.prototype, 'step')
  const ready = methodOf(Raft.prototype, 'ready')
  const advance = methodOf(Raft.prototype, 'advance')
  const readIndex = methodOf(Raft.prototype, 'readIndex')
  const hasReady = methodOf(Raft.prototype, 'hasReady')
  Raft.prototype.tick = function (): void {
    meet(this)
    tick.call(this)
  }
  Raft.prototype.hasReady = function (): boolean {
    meet(this)
    return hasReady.call(this)
  }
  Raft.prototype.step = function (message): void {
    meet(this)
    active?.onStep(this, message)
    step.call(this, message)
  }
  Raft.prototype.ready = function (): Ready {
    const taken = ready.call(this)
    active?.onReady(this, taken)
    return taken
  }
  Raft.prototype.advance = function (persisted): void {
    active?.onAdvance(this, persisted)
    advance.call(this, persisted)
  }
  const compacted = methodOf(Raft.prototype, 'compacted')
  Raft.prototype.compacted = function (base): void {
    active?.onCompacted(this, base.index)
    compacted.call(this, base)
  }
  Raft.prototype.readIndex = function () {
    const started = readIndex.call(this)
    if (started.type === 'accepted') active?.onReadIndex(this, started.requestId)
    return started
  }
}

/** What stands behind a door before it is wrapped; called with the `this` of each caller. */
function methodOf<T extends object, K extends keyof T>(prototype: T, name: K): T[K] {
  return prototype[name]
}
