/**
 * The running node: it joins the core to log, state machine, peers and clients.
 *
 * All of it turns on one loop (`#turn`): take what the core has ready, send, persist, send what
 * had to wait for the disk, apply, advance. Everything else only feeds the core and wakes the
 * loop. The node knows time, chance, files and sockets only as ports, so that a simulation runs
 * this very code.
 */
import { entryStamp } from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import type { HttpReply } from '../ports.ts'
import type { AppendEntries, Entry, Fetch, Message, Raft, Ready } from '../raft/index.ts'
import type { AppliedEntry } from '../state/index.ts'
import { ClientServer, PeerTransport } from '../transport/index.ts'
import type { ClientCall, NodeStatus, Welcome, WireError, StateFrame } from '../transport/index.ts'
import { addressWarnings, clientAddressOf } from './addresses.ts'
import { Applier } from './applier.ts'
import { Audit } from './audit.ts'
import { isDamage, isStorageFailure } from './damage.ts'
import { httpReply } from './http.ts'
import { clientLimits } from './limits.ts'
import type { NodeParts } from './parts.ts'
import { wireError } from './replies.ts'
import { Membership } from './membership.ts'
import type { ReceivedSnapshot } from './snapshot-receiver.ts'
import { Service } from './service.ts'
import { nodeStatus } from './status.ts'
import { Ticker } from './ticker.ts'
import { Upkeep } from './upkeep.ts'

/** Why a node ended: by itself, or because it could not go on. */
export type NodeEnd =
  | { readonly type: 'closed' }
  /** It is no member of the cluster any more. */
  | { readonly type: 'removed' }
  /** A snapshot is there, in a generation of its own: it goes on from that, started again. */
  | { readonly type: 'snapshotReceived'; readonly received: ReceivedSnapshot }
  /** Its copy of the state is damaged: it can be rebuilt from the log. */
  | { readonly type: 'stateDamaged'; readonly error: unknown }
  /** The state could not be read or written, as on a full disk: it goes on from its last barrier. */
  | { readonly type: 'stateFailed'; readonly error: unknown }
  /** Anything else: the process should end. */
  | { readonly type: 'failed'; readonly error: unknown }

/**
 * What a new leader needs to serve reads, its no-op, is small and is taken on any disk; but not past
 * records that an earlier leader left uncommitted, which come with it and have to wait for room.
 */
function bringsRecords(message: Message): boolean {
  return message.type === 'appendEntries' && message.entries.some(({ kind }) => kind === 'commands')
}

function isOrderly({ type }: NodeEnd): boolean {
  return type === 'closed' || type === 'removed'
}

/**
 * What is left goes into another turn, after input that has arrived: a node that starts has its
 * whole log to apply, and must hear its leader meanwhile.
 */
const readiesPerTurnMax = 64
/** Nodes let in, in one life, that the configuration in force does not name. */
const guestNamesMax = 64
const expireEveryTicks = 4
const flushEveryTicks = 40

export class Node {
  readonly #parts: NodeParts
  readonly #raft: Raft
  readonly #peers: PeerTransport
  readonly #clients: ClientServer
  readonly #applier: Applier
  readonly #membership: Membership
  readonly #upkeep: Upkeep
  readonly #service: Service
  readonly #audit: Audit
  readonly #ticker: Ticker
  readonly #counters: Record<string, number> = { elections: 0, stepDowns: 0 }
  #clientAddress = ''
  #peerAddress = ''
  #led = false
  /** Whether a leader was heard in this life. */
  #hasHeard = false
  /** What any leader that wrote to this node in this life knew to be committed. */
  #leaderCommit = 0
  #ticks = 0
  #turnAsked = false
  #ended: NodeEnd | undefined
  #onEnd: (end: NodeEnd) => void = () => {}
  /** Persistence in flight, so that an orderly end can wait for it. */
  #persisting: Promise<void> = Promise.resolve()
  #pinning: Promise<unknown> = Promise.resolve()
  /** Who was let in without being a member, in this life. */
  readonly #guests = new Set<string>()
  /** What was said of this node's own addresses, each once in a life. */
  readonly #warned = new Set<string>()

  /** Resolves when the node has ended, whatever the reason; never rejects. */
  readonly ended: Promise<NodeEnd>

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#raft = parts.raft
    const { clock, network, random, logger, settings, identity, state } = parts
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve
    })
    this.#applier = new Applier({
      clock,
      state,
      onApplied: (entries) => this.#onApplied(entries),
      onFailure: (error) => this.#stateFailed(error),
    })
    this.#membership = new Membership({
      raft: this.#raft,
      identity,
      overrides: settings.peers,
      incarnationOf: (id) =>
        id === identity.nodeId ? identity.incarnation : parts.incarnations.get(id),
      now: () => clock.monotonic(),
      wake: () => this.#wake(),
      notLeader: () => this.#notLeader(),
      onChanged: () => this.#membersChanged(),
    })
    this.#upkeep = new Upkeep({
      clock,
      disk: parts.disk,
      logger,
      dataDirectory: settings.dataDirectory,
      caps: parts.storage,
      raft: this.#raft,
      log: parts.log,
      state,
      generations: parts.generations,
      send: (to, frame) => this.#peers.sendState(to, frame),
      wake: () => this.#wake(),
      onReceived: (received) => void this.#end({ type: 'snapshotReceived', received }),
      onFailure: (error) => this.#fail(error),
      onStateFailure: (error) => this.#stateFailed(error),
    })
    this.#service = new Service({
      parts,
      membership: this.#membership,
      upkeep: this.#upkeep,
      notLeader: () => this.#notLeader(),
      status: () => this.status(),
      onStateFailure: (error) => this.#stateFailed(error),
    })
    this.#audit = new Audit({
      clock,
      random,
      logger,
      self: identity.nodeId,
      everyMs: settings.storage.auditEveryMs,
      isLeader: () => this.#raft.role === 'leader',
      leader: () => this.#raft.leader,
      members: () => this.#membership.members,
      propose: (data) => this.#raft.propose(data),
      stamp: () => this.#service.clock.now(),
      send: (to, frame) => this.#peers.sendState(to, frame),
      onDiffers: (error) => this.#stateFailed(error),
      onUndecided: () => {
        this.#counters['digestsUndecided'] = this.#count('digestsUndecided') + 1
      },
    })
    state.onMark = (id, digests) => this.#audit.onMark(id, digests)
    this.#ticker = new Ticker({
      clock,
      tickMs: settings.timing.tickMs,
      onTick: () => this.#guard(() => this.#tick()),
    })
    this.#peers = new PeerTransport({
      network,
      clock,
      random,
      logger,
      identity: {
        clusterId: identity.clusterId,
        groupId: 0,
        nodeId: identity.nodeId,
        incarnation: identity.incarnation,
      },
      listenAddress: settings.peerListen,
      advertised: {
        peerAddress: settings.peerAdvertise,
        clientAddress: () => settings.clientAdvertise ?? this.#clientAddress,
      },
      members: this.#membership.targets,
      acceptIncarnation: (id, incarnation) => this.#acceptIncarnation(id, incarnation),
      onMessages: (messages) => this.#guard(() => this.#onMessages(messages)),
      onAdvertised: () => this.#clients.announceMembers(),
      onStateFrame: (from, frame) => this.#guard(() => this.#onStateFrame(from, frame)),
    })
    this.#clients = new ClientServer({
      network,
      clock,
      logger,
      listenAddress: settings.clientListen,
      limits: clientLimits(settings.limits),
      welcome: () => this.#welcome(),
      onTurn: (batch) => this.#guard(() => this.#onRequests(batch)),
      onSessionClosed: (session) => this.#service.sessionClosed(session),
      onHttp: (path) => this.#http(path),
    })
  }

  get id(): string {
    return this.#parts.identity.nodeId
  }
  get clientAddress(): string {
    return this.#clientAddress
  }
  get peerAddress(): string {
    return this.#peerAddress
  }

  /** What a start on the same disk may take for committed. */
  get knownCommit(): number {
    return this.#raft.durableCommitIndex
  }

  /** Binds the ports and takes part. Rejects, with nothing left open, where a port is taken. */
  async start(): Promise<void> {
    this.#clientAddress = await this.#clients.start()
    try {
      this.#peerAddress = await this.#peers.start()
    } catch (error) {
      await this.#clients.close()
      throw error
    }
    this.#parts.stateFailures.listen((error) => this.#stateFailed(error))
    this.#checkAddresses()
    this.#ticker.start()
    this.#upkeep.start()
    this.#wake()
  }

  /**
   * An orderly end: the leadership is handed over where somebody can take it, then no more
   * promises, then everything durable, then closed.
   */
  async close(): Promise<void> {
    if (this.#ended === undefined) await this.#membership.leadership.handOver()
    await this.#end({ type: 'closed' })
  }

  // ---- The loop ---------------------------------------------------------------------------

  /** Asks for a turn after the input that has already arrived. */
  #wake(): void {
    if (this.#turnAsked || this.#ended !== undefined) return
    this.#turnAsked = true
    this.#parts.clock.soon(() => {
      this.#turnAsked = false
      this.#guard(() => this.#turn())
    })
  }

  #turn(): void {
    for (let i = 0; this.#raft.hasReady(); i++) {
      if (i === readiesPerTurnMax) {
        this.#wake()
        break
      }
      const ready = this.#raft.ready() //           1. take what is ready
      this.#peers.send(ready.messages) //           2. send what needs no disk
      if (ready.mustSync) {
        this.#peers.flush() // the followers write while this node does
        this.#persisting = this.#persist(ready) //  3. persist, 4. send after, 6. advance
      }
      // 5. apply, beside the persistence. Who leads, or led until now, has clients that wait for it;
      // who follows has a leader that waits for what step 4 sends.
      this.#applier.push(ready.committedEntries, ready.mustSync && !this.#led)
      this.#attend(ready)
      if (this.#ended !== undefined) return
    }
    this.#peers.flush()
    this.#clients.flush()
  }

  /** Steps 3, 4 and 6: nothing that vouches for the disk leaves before the disk has it. */
  async #persist(ready: Ready): Promise<void> {
    try {
      await this.#parts.log.persist(ready)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#guard(() => {
      this.#peers.send(ready.messagesAfterPersist)
      this.#raft.advance(ready)
      this.#turn()
    })
  }

  /** The rest of a ready: what concerns waiting clients, old entries and the operator. */
  #attend(ready: Ready): void {
    for (const entry of ready.entries) this.#observeStamp(entry)
    const [first] = ready.entries
    if (first !== undefined) this.#parts.state.appended(first.index)
    if (ready.roleChange !== undefined) this.#onRoleChange(ready.roleChange)
    this.#service.onReadStates(ready.readStates)
    for (const fetch of ready.fetches) this.#fetch(fetch)
    this.#membership.attend(ready)
    this.#upkeep.attend(ready)
    if (ready.readmitted === true) this.#onReadmitted()
    if (ready.removed !== undefined) this.#onRemoved(ready.removed.configIndex)
  }

  /** What it had acknowledged is here again. Only when that is durable does it vote and count. */
  #onReadmitted(): void {
    const { recovering, logger } = this.#parts
    recovering.clear().then(
      () =>
        this.#guard(() => {
          logger.info('the log is whole again: this node votes and counts')
          const { lastIndex, term } = this.#raft.status()
          this.#service.restored(lastIndex, term)
          this.#parts.state.committedBefore = lastIndex
          this.#raft.readmitted()
          this.#wake()
        }),
      (error: unknown) => this.#fail(error),
    )
  }

  #onRemoved(configIndex: number): void {
    // Nobody who knows of a removal writes to whom it was of, but to one that was added again since.
    if (this.#leaderCommit >= configIndex) return
    this.#parts.logger.info('this node was removed from the cluster', { configIndex })
    this.#parts.removed.mark(configIndex).then(
      () => this.#end({ type: 'removed' }),
      (error: unknown) => this.#fail(error),
    )
  }

  #membersChanged(): void {
    this.#peers.setMembers(this.#membership.targets)
    this.#checkAddresses()
    for (const { id, incarnation } of this.#membership.members) {
      const met = this.#parts.incarnations.get(id)
      if (met !== undefined && incarnation !== undefined && met !== incarnation) {
        this.#peers.cut(id, 'another incarnation of it is the member')
      }
    }
    this.#clients.announceMembers()
  }

  /** A node that nobody else gets to looks like any other one that is down: so it says so itself. */
  #checkAddresses(): void {
    const { settings, logger } = this.#parts
    // Not before the ports are bound.
    if (this.#peerAddress === '') return
    const own = {
      peerListen: this.#peerAddress,
      peerAdvertise: settings.peerAdvertise,
      clientListen: this.#clientAddress,
      clientAdvertise: settings.clientAdvertise,
    }
    const member = this.#membership.members.find(({ id }) => id === this.id)
    for (const [what, fields] of addressWarnings(own, member)) {
      if (this.#warned.has(what)) continue
      this.#warned.add(what)
      logger.warn(what, fields)
    }
  }

  #onRoleChange(change: NonNullable<Ready['roleChange']>): void {
    const { logger } = this.#parts
    logger.info('role', { role: change.role, term: change.term, leader: change.leader ?? null })
    if (change.role === 'leader') this.#counters['elections'] = this.#count('elections') + 1
    else this.#service.leadershipLost()
    const leads = change.role === 'leader'
    if (this.#led && !leads) this.#counters['stepDowns'] = this.#count('stepDowns') + 1
    this.#led = leads
  }

  #fetch(fetch: Fetch): void {
    // What is not durable yet is still in the core's memory, so the log has all that is asked for.
    const to = fetch.purpose === 'apply' ? fetch.to : this.#raft.durableIndex
    this.#parts.log.read(fetch.from, to, fetch.bytesMax).then(
      (entries) =>
        this.#guard(() => {
          this.#raft.fetched(fetch, entries)
          this.#wake()
        }),
      (error: unknown) => this.#fail(error),
    )
  }

  #onApplied(entries: readonly AppliedEntry[]): void {
    this.#service.onApplied(entries)
    this.#raft.applied(this.#parts.state.appliedIndex)
    this.#wake()
  }

  #tick(): void {
    this.#ticks++
    this.#raft.tick()
    const now = this.#parts.clock.monotonic()
    if (this.#ticks % expireEveryTicks === 0) this.#service.expire(now)
    this.#membership.tick(now, this.#upkeep.diskFull)
    this.#upkeep.tick(now)
    this.#audit.tick(now)
    if (this.#ticks % flushEveryTicks === 0) {
      this.#parts.state.flush().catch((error: unknown) => this.#stateFailed(error))
    }
    this.#service.tick(now)
    this.#turn()
  }

  // ---- Input ------------------------------------------------------------------------------

  #onMessages(messages: readonly Message[]): void {
    for (const message of messages) {
      // As if it were lost: the leader sends it again, and by then there may be room.
      if (this.#upkeep.refusesEntries && bringsRecords(message)) continue
      this.#raft.step(message)
      if (message.type === 'appendEntries' || message.type === 'heartbeat') {
        this.#leaderCommit = Math.max(this.#leaderCommit, message.leaderCommit)
      }
      if (!this.#hasHeard && message.type === 'appendEntries') this.#heard(message)
    }
    this.#wake()
  }

  /** The first that a leader says: what was committed before this node took part in this life. */
  #heard({ from, leaderCommit }: AppendEntries): void {
    if (this.#raft.leader !== from) return
    this.#hasHeard = true
    // Who recovers its log learns later, by being readmitted, how far it had been before.
    if (this.#raft.status().recovering) return
    this.#parts.state.committedBefore = leaderCommit
  }

  #onStateFrame(from: string, frame: StateFrame): void {
    if (frame.type === 'stateDigest') this.#audit.onFrame(from, frame)
    else this.#upkeep.onFrame(from, frame)
  }

  #onRequests(batch: readonly ClientCall[]): void {
    this.#service.handle(batch)
    this.#turn()
  }

  /**
   * The first incarnation seen of a member is the only one ever heard. One question at a time:
   * two links of one peer ask at once, and the file is written by one hand.
   */
  #acceptIncarnation(id: string, incarnation: string): Promise<boolean> {
    const accepted = this.#pinning.then(async () => {
      if (this.#ended !== undefined) return false
      const member = this.#membership.members.find((known) => known.id === id)
      if (member === undefined && !this.#admitGuest(id)) return false
      // What the configuration says of a member counts, whomever this node has met under the name.
      if (member?.incarnation !== undefined) return member.incarnation === incarnation
      return (await this.#parts.incarnations.pin(id, incarnation)) !== 'other'
    })
    const answered = accepted.catch((error: unknown) => {
      // What is no incarnation at all, or one name too many to remember, came off the wire: that is
      // the peer's fault, not the disk's.
      const isPeers =
        error instanceof QuorateError &&
        (error.code === 'QUORATE_USAGE' || error.code === 'QUORATE_TOO_LARGE')
      if (!isPeers) this.#fail(error)
      return false
    })
    this.#pinning = answered
    return answered
  }

  /** Names that were never a member's are remembered durably, so there must be few of them. */
  #admitGuest(id: string): boolean {
    if (this.#guests.size >= guestNamesMax && !this.#guests.has(id)) return false
    this.#guests.add(id)
    return true
  }

  #observeStamp(entry: Entry): void {
    if (entry.kind !== 'commands') return
    const stamp = entryStamp(entry.data)
    if (this.#raft.role === 'leader') this.#service.clock.observe(stamp)
    else this.#service.clock.follow(stamp)
  }

  // ---- What it says of itself -------------------------------------------------------------

  status(): NodeStatus {
    return nodeStatus({
      parts: this.#parts,
      peers: this.#peers,
      members: this.#membership.members,
      upkeep: this.#upkeep,
      clientAddress: this.#parts.settings.clientAdvertise ?? this.#clientAddress,
      peerAddress: this.#parts.settings.peerAdvertise ?? this.#peerAddress,
      ready: this.#service.ready,
      counters: { ...this.#counters, ...this.#peers.counters, ...this.#clients.counters },
    })
  }

  #welcome(): Omit<Welcome, 'type' | 'protocol'> {
    const { identity } = this.#parts
    const status = this.status()
    return {
      clusterId: identity.clusterId,
      nodeId: identity.nodeId,
      incarnation: identity.incarnation,
      leader: status.leader,
      members: status.members.map(({ id, clientAddress }) => ({ id, clientAddress })),
      clusterTime: this.#service.clock.now(),
      limits: clientLimits(this.#parts.settings.limits),
    }
  }

  #notLeader(): WireError {
    const { leader } = this.#raft
    if (leader === undefined || leader === this.id) {
      return wireError('QUORATE_NOT_LEADER', `${this.id} is not the leader and knows of none`)
    }
    const member = this.#membership.members.find(({ id }) => id === leader)
    const leaderAddress = clientAddressOf(member, this.#peers.peer(leader))
    return wireError('QUORATE_NOT_LEADER', `${this.id} is not the leader; ${leader} is`, {
      details: leaderAddress === undefined ? { leader } : { leader, leaderAddress },
    })
  }

  #http(path: string): HttpReply {
    return httpReply(path, () => this.status())
  }

  #count(name: string): number {
    return this.#counters[name] ?? 0
  }

  // ---- The end ----------------------------------------------------------------------------

  /** Runs a piece of the node; what it throws is the end of the node, never an answer. */
  #guard(piece: () => void): void {
    if (this.#ended !== undefined) return
    try {
      piece()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    void this.#end({ type: 'failed', error })
  }

  #stateFailed(error: unknown): void {
    const failed = isStorageFailure(error) ? 'stateFailed' : 'failed'
    void this.#end({ type: isDamage(error) ? 'stateDamaged' : failed, error })
  }

  async #end(end: NodeEnd): Promise<void> {
    if (this.#ended !== undefined) {
      await this.ended
      return
    }
    this.#ended = end
    const { logger, state, log } = this.#parts
    this.#ticker.stop()
    this.#applier.stop()
    const stopping = wireError('QUORATE_STOPPING', `${this.id} is stopping`)
    this.#service.failAll(stopping)
    this.#membership.changes.leadershipLost()
    this.#membership.leadership.failAll(stopping)
    // At once, and together: a peer whose hello came in now would be refused as if it were a
    // stranger, and stay away for long after; a slow client must not delay the rest.
    const sockets = Promise.all([
      this.#peers.close(),
      this.#clients.close(stopping),
      this.#service.close(),
      this.#upkeep.stop(),
    ])
    const closings = [
      () => sockets,
      () => this.#persisting,
      () => this.#pinning,
      // A state that failed is not asked to write again.
      () => (isOrderly(end) ? state.close() : state.abandon()),
      () => log.close(),
    ]
    for (const closing of closings) {
      try {
        await closing()
      } catch (error) {
        // The first reason is the one that counts; this one is for the operator.
        logger.warn('while closing', { error: String(error) })
      }
    }
    this.#onEnd(end)
  }
}
