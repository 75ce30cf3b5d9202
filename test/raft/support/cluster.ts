/**
 * A whole group in memory on a seeded network that drops, repeats, delays and reorders messages,
 * cuts links, and crashes nodes with the loss of what was not durable. It checks as it runs:
 *   S1 one leader per term · S2 log matching · S3 what is committed stays, and later leaders have
 *   it · S4 a snapshot ends with a committed entry · S5 monotone terms, commits and matches ·
 *   S6 persist before send · S7 one vote per term, over restarts · S8 quorums of the configuration
 *   in force, see `membership-checks.ts` · S12 a read sees every write acknowledged before it began.
 */
import type { Configuration } from '../../../src/raft/index.ts'
import type { Message, Ready } from '../../../src/raft/index.ts'
import { Raft, emptyConfiguration, firstConfiguration } from '../../../src/raft/index.ts'
import { SeededRandom, randomBetween, randomFraction } from '../../../src/random.ts'
import { bytes } from './disk.ts'
import { drawChange } from './draw-change.ts'
import { LogChecks } from './log-checks.ts'
import { MembershipChecks, members } from './membership-checks.ts'
import { SimNode } from './sim-node.ts'
import { SimSnapshots } from './sim-snapshots.ts'
import { SimWire } from './sim-wire.ts'
import type { Weather } from './weather.ts'
import { zeroCounts } from './weather.ts'

/** The group; see the head of the file. */
export class SimCluster {
  readonly nodes: SimNode[]
  readonly counts = zeroCounts()
  readonly snapshots: SimSnapshots
  readonly #founders: Configuration
  readonly #membership: MembershipChecks
  /** Whom some accepted change was to remove: such an id is not used again. */
  readonly #goes = new Set<string>()
  readonly #weather: Weather
  readonly #random: SeededRandom
  readonly #wire: SimWire
  #serial = 0
  readonly #leaderOfTerm = new Map<number, string>()
  readonly #logs = new LogChecks()
  /** Highest index whose write a client was told of. */
  #ackedIndex = 0
  /** No more faults. */
  #calm = false
  /** No more calls. */
  #quiet = false

  constructor(seed: number, weather: Weather) {
    this.#random = new SeededRandom(seed)
    this.#weather = weather
    this.#wire = new SimWire(this.#random, weather)
    this.nodes = Array.from({ length: weather.nodes }, (_, n) => new SimNode(`n${n + 1}`, false))
    const { snapshots = { compact: 0, spares: true, breaks: 0 } } = weather
    this.snapshots = new SimSnapshots(this.#random, snapshots, (id) => this.#find(id))
    this.#founders = firstConfiguration(this.nodes.map(({ id }) => id))
    this.#membership = new MembershipChecks(this.#founders)
    for (const node of this.nodes) this.#start(node)
  }

  run(steps: number): void {
    for (let n = 0; n < steps; n++) this.#step()
  }

  /**
   * Heals everything. New writes must be committed, and once no more are made all nodes must come
   * to hold the same, and every read must have ended, within a bounded number of steps.
   */
  settle(stepsMax: number): void {
    this.#calm = true
    this.#wire.heal()
    for (const node of this.nodes) if (node.raft === undefined && !node.isOut) this.#start(node)
    const highest = () => this.#logs.highest
    const before = highest()
    this.#runUntil(stepsMax, () => highest() > before + 3)
    this.#quiet = true
    this.#runUntil(stepsMax, () => {
      const final = members(this.#membership.newest)
      return this.nodes.every((node) => {
        if (node.transfers > 0) return false
        if (!final.includes(node.id)) return true
        if (node.isRecovering) return false
        const status = node.raft?.status()
        const isEven = status?.lastIndex === highest() && status.configurationSettled
        return isEven && node.appliedIndex === highest() && node.readFloor.size === 0
      })
    })
    this.#membership.finish()
  }

  #runUntil(stepsMax: number, isDone: () => boolean): void {
    for (let n = 0; n < stepsMax; n++) {
      this.#step()
      if (isDone()) return
    }
    const states = this.nodes.map((node) => JSON.stringify(node.raft?.status()))
    throw new Error(`did not settle:\n${states.join('\n')}`)
  }

  #chance(probability: number): boolean {
    return randomFraction(this.#random) < probability
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[randomBetween(this.#random, 0, items.length)]
  }

  #start(node: SimNode): void {
    node.appliedIndex = node.appliedDurable
    node.last = { term: 0, commit: 0, role: '', matches: new Map() }
    node.raft = new Raft({
      id: node.id,
      configuration: node.configs.at(-1) ?? {
        index: 0,
        configuration: node.isNewcomer ? emptyConfiguration : this.#founders,
      },
      stateMissing: node.lacksState,
      recovering: node.isRecovering,
      configEntries: node.disk.entries.filter(({ kind }) => kind === 'config'),
      random: this.#random.fork(),
      hardState: node.disk.hardState,
      log: node.disk.recover(randomBetween(this.#random, 0, 5)),
      appliedIndex: node.appliedDurable,
      electionTicksMin: 8,
      electionTicksMax: 16,
      heartbeatTicks: 2,
      commitNotice: Number(node.id.slice(1)) % 2 === 0 ? 'atOnce' : 'atTick',
      limits: this.#weather.limits,
    })
  }

  #crash(node: SimNode): void {
    this.counts.crashes++
    // The write may have reached the disk although nobody was told.
    if (node.persisting !== undefined && this.#chance(0.5)) this.#write(node, node.persisting)
    const durable = randomBetween(this.#random, node.appliedDurable, node.appliedIndex + 1)
    const isLost = this.#chance(this.#weather.loseState ?? 0) && this.#mayLoseState(node)
    if (isLost) this.counts.statesLost++
    node.stop(isLost ? 0 : durable)
    if (!this.#chance(this.#weather.loseLog ?? 0) || !this.#mayLoseState(node)) return
    this.counts.logsLost++
    if (this.#chance(0.3) && node.disk.base.index === 0) node.stop(0)
    node.loseLog()
  }

  /** One at a time, and of three: the others must be able to lead. */
  #mayLoseState(node: SimNode): boolean {
    const { newest, newestIndex } = this.#membership
    const isSpare = newest.voters.length >= 3 && newest.voters.includes(node.id)
    if (this.#calm || newest.votersOutgoing.length > 0 || !isSpare) return false
    return this.nodes.every((other) => other.isOut || other.isWhole(newestIndex))
  }

  #step(): void {
    const draw = randomFraction(this.#random)
    const node = this.#pick(this.nodes.filter(({ isOut }) => !isOut))
    if (node === undefined) return
    if (!this.#calm && this.#chance(this.#weather.crash)) {
      if (node.raft !== undefined) this.#crash(node)
      else if (!node.isOut) this.#start(node)
    }
    if (!this.#calm && this.#chance(this.#weather.partition)) this.#drawPartition()
    if (!this.#calm && this.#chance(this.#weather.change ?? 0)) this.#change()
    if (!this.#quiet && this.#chance(this.#weather.transfer ?? 0)) this.#transfer()
    if (draw < 0.5) this.#deliver()
    else if (draw < 0.64) node.raft?.tick()
    else if (draw < 0.7 && !this.#quiet) this.#propose(node)
    else if (draw < 0.78 && !this.#quiet) this.#read(node)
    if (node.raft === undefined) return
    this.#serve(node, node.raft)
    this.#checkState(node, node.raft)
  }

  #drawPartition(): void {
    const leader = this.nodes.find((node) => node.raft?.status().role === 'leader')
    this.#wire.drawPartition(
      this.nodes.map(({ id }) => id),
      leader?.id,
    )
  }

  #deliver(): void {
    const message = this.#wire.take(this.#calm)
    if (message === undefined) return
    const node = this.#find(message.to)
    if (node?.raft === undefined) return
    node.raft.step(message)
    this.#serve(node, node.raft)
    this.#checkState(node, node.raft)
  }

  #propose(node: SimNode): void {
    const count = randomBetween(this.#random, 1, 4)
    node.raft?.propose(Array.from({ length: count }, () => bytes(`w${++this.#serial}`)))
  }

  #read(node: SimNode): void {
    const start = node.raft?.readIndex()
    if (start?.type === 'accepted') node.readFloor.set(start.requestId, this.#ackedIndex)
  }

  #find(id: string): SimNode | undefined {
    return this.nodes.find((node) => node.id === id)
  }

  #leader(): SimNode | undefined {
    return this.#pick(this.nodes.filter(({ raft }) => raft?.role === 'leader'))
  }

  /** Asks a leader for any change, sensible or not; a newcomer is started before it is added. */
  #change(): void {
    const node = this.#leader()
    if (node?.raft === undefined || this.nodes.some(({ isDamaged }) => isDamaged)) return
    const change = drawChange(
      this.#random,
      node.raft.configuration.configuration,
      this.nodes.map(({ id }) => id),
      this.#goes,
    )
    if (change.type === 'addLearner' && this.#find(change.id) === undefined) {
      const newcomer = new SimNode(change.id, true)
      this.nodes.push(newcomer)
      this.#start(newcomer)
    }
    if (node.raft.proposeConfig(change).type === 'accepted') {
      this.counts.changes++
      if (change.type === 'remove' || change.type === 'replace') this.#goes.add(change.id)
    }
    this.#serve(node, node.raft)
  }

  #transfer(): void {
    const node = this.#leader()
    const to = this.#chance(0.5) ? undefined : this.#pick(this.nodes)?.id
    if (node?.raft?.transferLeadership(to).type === 'started') node.transfers++
  }

  #write(node: SimNode, ready: Ready): void {
    node.disk.write(ready)
    this.#membership.voted(node.id, node.disk.hardState)
  }

  #serve(node: SimNode, raft: Raft): void {
    if (node.persisting !== undefined && !this.#chance(this.#weather.slowDisk)) {
      const ready = node.persisting
      this.#write(node, ready)
      node.persisting = undefined
      this.#send(node, ready.messagesAfterPersist)
      raft.advance(ready)
    }
    for (const fetch of node.fetches.splice(0, this.#chance(0.5) ? 1 : 0)) {
      this.counts.fetches++
      const to = fetch.purpose === 'apply' ? fetch.to : Infinity
      raft.fetched(fetch, node.disk.read(fetch.from, to, fetch.bytesMax))
    }
    if (raft.hasReady()) this.#handle(node, raft.ready())
    if (node.raft === undefined) return
    this.#applySome(node, raft)
    const fetched = this.snapshots.step(node, raft, {
      calm: this.#calm,
      quiet: this.#quiet,
      isCut: (a, b) => this.#wire.isCut(a, b),
    })
    if (fetched === undefined) return
    this.#crash(node)
    node.restore(fetched)
    this.#logs.restored(node.id, fetched.id)
    this.#start(node)
  }

  #handle(node: SimNode, ready: Ready): void {
    if (ready.mustSync) {
      if (node.persisting !== undefined) throw new Error('two persists at a time')
      node.persisting = ready
    } else if (ready.entries.length + ready.messagesAfterPersist.length > 0) {
      throw new Error('something to persist without mustSync')
    }
    this.#logs.matching(node.disk, ready)
    this.#send(node, ready.messages)
    for (const entry of ready.committedEntries) {
      const term = node.raft?.status().term ?? 0
      if (!this.#logs.applied(node.id, node.disk, term, entry)) continue
      this.#membership.applied(entry)
      this.counts.committed++
    }
    node.toApply.push(...ready.committedEntries)
    node.fetches.push(...ready.fetches)
    if (node.fetches.length > this.nodes.length * 4) throw new Error('fetches pile up')
    for (const state of ready.readStates) {
      const floor = node.readFloor.get(state.requestId)
      if (floor === undefined) throw new Error('a read ended twice, or was never begun')
      node.readFloor.delete(state.requestId)
      if (state.refused) this.counts.refused++
      else node.waitingReads.push({ floor, readIndex: state.readIndex })
    }
    this.snapshots.attend(node, ready)
    if (ready.readmitted !== undefined) {
      this.counts.readmitted++
      node.isRecovering = false
      node.raft?.readmitted()
    }
    this.#handleMembership(node, ready)
  }

  #handleMembership(node: SimNode, { transfers = [], removed }: Ready): void {
    for (const { outcome } of transfers) {
      if (--node.transfers < 0) throw new Error('a transfer ended twice, or was never begun')
      if (outcome === 'done') this.counts.handedOver++
      else this.counts.transfersFailed++
    }
    if (removed === undefined) return
    this.#membership.removed(node.id, removed.configIndex)
    this.counts.removed++
    // Some do not end, as they should, but go on for ever: they must not disturb.
    if (this.#chance(0.3)) return
    node.isOut = true
    this.#crash(node)
  }

  #applySome(node: SimNode, raft: Raft): void {
    if (node.toApply.length > 0 && this.#chance(0.7)) {
      const some = node.toApply.splice(0, randomBetween(this.#random, 1, 6))
      for (const entry of some) {
        if (entry.index !== node.appliedIndex + 1) throw new Error('applied out of order')
        node.appliedIndex = entry.index
        node.noteConfiguration(entry)
      }
      raft.applied(node.appliedIndex)
      // The leader's client is told now.
      if (raft.status().role === 'leader') {
        this.#ackedIndex = Math.max(this.#ackedIndex, node.appliedIndex)
      }
    }
    node.waitingReads = node.waitingReads.filter(({ floor, readIndex }) => {
      if (readIndex < floor) throw new Error(`S12: read at ${readIndex}, acknowledged ${floor}`)
      if (node.appliedIndex < readIndex) return true
      this.counts.reads++
      return false
    })
  }

  #send(node: SimNode, messages: readonly Message[]): void {
    for (const message of messages) {
      this.#logs.sent(node.id, node.disk, message)
      if (message.to === node.id || message.from !== node.id) throw new Error('bad address')
      this.#wire.send(message)
    }
  }

  #checkState(node: SimNode, raft: Raft): void {
    // It may have ended for good just now, or have started again.
    if (node.raft === undefined || node.raft !== raft) return
    const { term, commitIndex, role, peers, lastIndex } = raft.status()
    this.#checkConfiguration(node, raft)
    const { last } = node
    if (term < last.term || commitIndex < last.commit) throw new Error('S5: went back')
    const recovering = new Set(peers.filter((peer) => peer.recovering).map(({ id }) => id))
    const matches = new Map(peers.map((peer) => [peer.id, peer.matchIndex]))
    if (role === 'leader') {
      const leader = this.#leaderOfTerm.get(term) ?? node.id
      if (leader !== node.id) throw new Error(`S1: ${leader} and ${node.id} lead ${term}`)
      if (!this.#leaderOfTerm.has(term)) {
        this.#leaderOfTerm.set(term, node.id)
        this.#membership.elected(node.id, term, raft.configuration)
        this.counts.leaders++
        this.#logs.elected(term, lastIndex)
      }
      if (last.role === 'leader' && last.term === term) {
        for (const [id, match] of last.matches) {
          // Who was removed is not counted any more, nor who has lost its log.
          if (recovering.has(id)) continue
          if ((matches.get(id) ?? match) < match) throw new Error('S5: match went back')
        }
      }
      if (node.persisting === undefined) this.#logs.leads(node.disk, term)
    }
    node.last = { term, commit: commitIndex, role, matches }
  }

  /** A node acts on the newest configuration of its log: looked at where all of that is on disk. */
  #checkConfiguration(node: SimNode, raft: Raft): void {
    const { durableIndex, lastIndex, commitIndex, role, term, configuration } = raft.status()
    if (role === 'leader' && node.last.role === 'leader' && node.last.term === term) {
      // Before a change that this very commit set off: that one is not durable anywhere yet.
      const isBefore = configuration.index <= commitIndex
      if (commitIndex > node.last.commit && isBefore) {
        const holds = (id: string): boolean => {
          const disk = this.#find(id)?.disk
          // What a log held that was lost counts: who lost it gives no votes until it is back.
          if (this.#find(id)?.isRecovering ?? false) return true
          return disk?.at(commitIndex)?.term === term || (disk?.base.index ?? 0) >= commitIndex
        }
        this.#membership.counted(node.id, configuration, holds)
      }
    }
    if (node.persisting !== undefined || durableIndex < lastIndex) return
    const newest = node.disk.entries.findLast(({ kind }) => kind === 'config')
    const inState = node.lacksState ? 0 : (node.configs.at(-1)?.index ?? 0)
    if (configuration.index === Math.max(newest?.index ?? 0, inState)) return
    throw new Error(`S8: ${node.id} acts on ${configuration.index}, not on its log`)
  }
}
