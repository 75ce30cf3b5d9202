/**
 * A scripted node for tests of the client: it speaks the node's side of the protocol over the
 * memory network, and a test says what it answers. It has no log and no state.
 */
import { decodeCommand } from '../../src/command/index.ts'
import type { Answer, CallId, Command } from '../../src/command/index.ts'
import { errorKinds } from '../../src/errors.ts'
import type { ErrorCode, ErrorDetails, Outcome } from '../../src/errors.ts'
import type { Connection, Listener } from '../../src/ports.ts'
import { decodeClientFrame } from '../../src/transport/client-codec.ts'
import type {
  MemberAddress,
  NodeStatus,
  ReplyBody,
  Request,
} from '../../src/transport/client-protocol.ts'
import { encodeNodeFrame } from '../../src/transport/reply-codec.ts'
import type { MemoryNetwork } from '../suites/memory-network.ts'

/** What a node does with one request: answers it, stays silent, or closes the connection. */
export type Reaction = ReplyBody | 'silent' | 'cut'

/** What a node is asked, in the order in which it arrived. */
export interface Seen {
  readonly request: Request
  readonly connection: number
}

export const clusterId = 'c1'
export const startTime = 1_767_225_600_000

export class FakeNode {
  readonly id: string
  readonly address: string
  clusterId = clusterId
  leader: string | undefined
  term = 1
  clusterTime = startTime
  members: MemberAddress[] = []
  /** What it does with anything but `status`. */
  react: (request: Request, seen: Seen) => Reaction
  /** What it does with `status`; by default it tells the truth at once. */
  onStatus: () => Reaction = () => ({ kind: 'status', status: this.status() })
  /** Whether it answers a hello. */
  greets = true
  readonly seen: Seen[] = []
  /** Frames of requests, each with how many it held. */
  readonly frames: number[] = []
  connectionsMade = 0
  readonly #network: MemoryNetwork
  readonly #connections = new Map<Connection, number>()
  #listener: Listener | undefined

  constructor(network: MemoryNetwork, id: string, react?: (request: Request) => Reaction) {
    this.#network = network
    this.id = id
    this.address = `${id}:7101`
    this.react = react ?? (() => error('QUORATE_INTERNAL'))
    this.leader = id
  }

  /** `host`: the machine that it runs on, where its address is not its own name. */
  async start(host = this.id): Promise<this> {
    this.#listener = await this.#network.host(host).listen({
      address: this.address,
      frameBytesMax: 33_554_432,
      connectionsMax: 100,
      onConnection: (connection) => this.#onConnection(connection),
    })
    return this
  }

  async stop(): Promise<void> {
    await this.#listener?.close()
    this.#listener = undefined
  }

  /** Requests of one kind, or all but `status`. */
  asked(kind?: Request['kind']): Request[] {
    const all = this.seen.map((seen) => seen.request)
    return all.filter((request) =>
      kind === undefined ? request.kind !== 'status' : request.kind === kind,
    )
  }

  /** The commands that it was sent. */
  commands(): Command[] {
    return this.asked('write').map((request) => decodeCommand(commandBytes(request)))
  }

  /** Says unasked who the members are now. */
  announce(members: MemberAddress[]): void {
    this.members = members
    const frame = encodeNodeFrame({ type: 'members', members })
    for (const connection of this.#connections.keys()) connection.send(frame)
  }

  /** Closes all connections from its side. */
  cutAll(): void {
    for (const connection of this.#connections.keys()) connection.close('cut')
  }

  /** Answers a request late: on the connection where it arrived. */
  reply(seen: Seen, body: ReplyBody): void {
    for (const [connection, number] of this.#connections) {
      if (number === seen.connection) this.#send(connection, seen.request.id, body)
    }
  }

  status(): NodeStatus {
    return {
      clusterId: this.clusterId,
      historyId: this.clusterId,
      id: this.id,
      pid: undefined,
      incarnation: 'i',
      version: '0',
      clientAddress: this.address,
      peerAddress: this.address,
      role: this.leader === this.id ? 'leader' : 'follower',
      term: this.term,
      leader: this.leader,
      commitIndex: 1,
      appliedIndex: 1,
      lastIndex: 1,
      baseIndex: 0,
      revision: 1,
      clusterTime: this.clusterTime,
      walBytes: 0,
      freeBytes: undefined,
      diskFull: false,
      stateMissing: false,
      waitsFor: undefined,
      ready: true,
      reasons: [],
      members: this.members.map(({ id, clientAddress }) => ({
        id,
        peerAddress: `${id}:7201`,
        clientAddress,
        connected: true,
        matchIndex: undefined,
        voter: true,
        state: undefined,
        close: undefined,
        priority: 0,
      })),
      counters: {},
    }
  }

  #onConnection(connection: Connection): void {
    const number = ++this.connectionsMade
    this.#connections.set(connection, number)
    connection.setHandlers({
      onFrame: (frame) => this.#onFrame(connection, number, frame),
      onClose: () => this.#connections.delete(connection),
    })
  }

  #onFrame(connection: Connection, number: number, bytes: Uint8Array): void {
    const frame = decodeClientFrame(bytes)
    if (frame.type === 'hello') {
      if (this.greets) this.#greet(connection)
      return
    }
    this.frames.push(frame.requests.length)
    for (const request of frame.requests) {
      const seen = { request, connection: number }
      this.seen.push(seen)
      const reaction = request.kind === 'status' ? this.onStatus() : this.react(request, seen)
      if (reaction === 'cut') return connection.close('cut')
      if (reaction !== 'silent') this.#send(connection, request.id, reaction)
    }
  }

  #greet(connection: Connection): void {
    connection.send(
      encodeNodeFrame({
        type: 'welcome',
        protocol: 1,
        clusterId: this.clusterId,
        nodeId: this.id,
        incarnation: 'i',
        leader: this.leader,
        members: this.members,
        clusterTime: this.clusterTime,
        limits: {
          keyBytesMax: 4096,
          valueBytesMax: 1_048_576,
          tokenBytesMax: 256,
          batchBytesMax: 4_194_304,
          frameBytesMax: 8_388_608,
          requestsPerFrameMax: 4096,
        },
      }),
    )
  }

  #send(connection: Connection, id: number, body: ReplyBody): void {
    connection.send(encodeNodeFrame({ type: 'replies', replies: [{ id, ...body }] }))
  }
}

/** The bytes of a write. */
export function commandBytes(request: Request): Uint8Array {
  if (request.kind !== 'write') throw new Error(`a ${request.kind} holds no command`)
  return request.command
}

/** How a command calls itself. */
export function callOf(command: Command | undefined): CallId {
  if (command === undefined || !('call' in command)) throw new Error('the command has no call')
  return command.call
}

/** A session's id as text, for comparing. */
export function sessionOf(command: Command | undefined): string {
  return Buffer.from(callOf(command).session).toString('hex')
}

/** An answer of the state machine. */
export function answer(given: Answer, clusterTime = startTime): ReplyBody {
  return { kind: 'answer', answer: given, clusterTime }
}

export function applied(revision: number): ReplyBody {
  return answer({ status: 'applied', revision })
}

export function refused(code: ErrorCode, decided: boolean, clusterTime = startTime): ReplyBody {
  return answer({ status: 'refused', code, decided }, clusterTime)
}

/** A node's error; the outcome is the code's own unless another is given. */
export function error(
  code: ErrorCode,
  options: { outcome?: Outcome; details?: ErrorDetails } = {},
): ReplyBody {
  const { outcome = errorKinds[code].outcome, details = {} } = options
  return { kind: 'error', error: { code, outcome, message: `scripted ${code}`, details } }
}
