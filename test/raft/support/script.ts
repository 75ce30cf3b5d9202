/**
 * Golden interaction scripts. A file is a list of blocks: commands, a line `----`, what happened,
 * an empty line. `runScript` carries the commands out and gives the file as it should read.
 *
 *   nodes 3                         three nodes n1, n2, n3; node k waits 9 + k ticks for a leader
 *   nodes 3 inflightMessagesMax=2   with caps
 *   node n2 terms=1,1,2 term=3 vote=n1 commit=1 applied=1 tail=0    how n2 starts
 *   node n2 base=5/2 terms=2,3      n2's log begins behind entry 5 of term 2
 *   node n4 newcomer=1              n4 knows nothing of the group until it is added
 *   change n1 addLearner n4 · change n1 replace n2 n4    a change of membership (also promote, remove)
 *   transfer n1 [n2]                n1 is to hand the leadership over
 *   config [n1]                     the configurations in force
 *   tick n1 3 · campaign n1         time passes on n1: three ticks, or its election timeout
 *   beat n1 20                      20 heartbeats of n1, each with all that follows from it
 *   propose n1 a b · read n2        a call
 *   deliver [from>to] [type]        messages arrive, those that fit, and all that follows from it
 *   drop [from>to] [type]           messages are lost
 *   cut n1 · cut n1>n2 · heal       links lose what is sent on them
 *   slow n1 · sync n1               n1's disk waits to be told; the write under way completes
 *   hold n1 · fetched n1            n1's reads of its log wait to be told; they complete
 *   crash n1 · start n1             n1 loses what is not durable; it comes back
 *   compact n1 5                    n1's log begins behind entry 5 now
 *   offer n1 n3 · lost n1 n3        n1 has a snapshot of its state ready for n3; it has none any more
 *   install n3 · failed n3          n3 has fetched what it was offered, and starts again; it could not
 *   lose n3                         n3 starts again without its log; what its state holds stays
 *   forget n3                       n3 starts again without its state
 *   status [n1] · wire · log        states, messages on their way, logs on disk
 *   quiet <command>                 as the command, without the trace
 */
import type { ConfigChange, Message, RaftLimits } from '../../../src/raft/index.ts'
import { describeConfiguration, describeEntries, describeId, describeMessage } from './describe.ts'
import type { MemoryDisk } from './disk.ts'
import type { NodeStart, TestNode } from './group.ts'
import { Group, heartbeatTicks } from './group.ts'

interface Options {
  readonly words: readonly string[]
  readonly named: ReadonlyMap<string, string>
}

/** Runs a script; see the head of the file. */
export function runScript(source: string): string {
  const run = new ScriptRun()
  const blocks: string[] = []
  for (const block of source.split(/\n\n+/)) {
    const [head = ''] = block.split('\n----')
    const lines = head.split('\n').filter((line) => line !== '')
    const commands = lines.filter((line) => !line.startsWith('#'))
    if (commands.length === 0) {
      blocks.push(lines.join('\n'))
      continue
    }
    const output = commands.flatMap((command) => run.command(command))
    blocks.push([...lines, '----', ...(output.length > 0 ? output : ['ok'])].join('\n'))
  }
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

class ScriptRun {
  #group: Group | undefined
  #count = 0
  #limits: Partial<RaftLimits> = {}
  readonly #starts = new Map<number, NodeStart>()

  command(line: string): string[] {
    if (line.startsWith('quiet ')) {
      this.#run(line.slice('quiet '.length))
      this.#group?.takeTrace()
      return []
    }
    const output = this.#run(line)
    return [...(this.#group?.takeTrace() ?? []), ...output]
  }

  /** The group starts with the first command that needs it. */
  get #running(): Group {
    this.#group ??= new Group(
      Array.from({ length: this.#count }, (_, at) => this.#starts.get(at) ?? {}),
      this.#limits,
    )
    return this.#group
  }

  #run(line: string): string[] {
    const [name = '', ...rest] = line.trim().split(/\s+/)
    const options = parseOptions(rest)
    const [first = ''] = options.words
    switch (name) {
      case 'nodes':
        this.#count = Number(first)
        this.#limits = Object.fromEntries([...options.named].map(([k, v]) => [k, Number(v)]))
        return []
      case 'node':
        this.#starts.set(Number(first.slice(1)) - 1, parseStart(options))
        return []
      case 'status':
        return this.#status(first)
      case 'config':
        return this.#nodes(first)
          .filter(({ isUp }) => isUp)
          .map(({ id, raft }) => `${id} acts on ${describeConfiguration(raft.configuration)}`)
      case 'log':
        return this.#nodes('').map(({ id, disk }) => `${id} ${describeLog(disk)}`)
      case 'wire':
        return this.#running.wire.map(describeMessage)
      default:
        return this.#act(name, options)
    }
  }

  #act(name: string, { words }: Options): string[] {
    const group = this.#running
    const [first = '', second = ''] = words
    switch (name) {
      case 'tick':
        group.tick(first, Number(second || 1))
        return []
      case 'beat':
        for (let n = 0; n < Number(second); n++) {
          group.tick(first, heartbeatTicks)
          group.deliver()
        }
        return []
      case 'campaign':
        group.campaign(first)
        return []
      case 'propose':
        return [JSON.stringify(group.propose(first, ...words.slice(1))).replaceAll('"', '')]
      case 'change': {
        const result = group.change(first, parseChange(words.slice(1)))
        return [JSON.stringify(result).replaceAll('"', '')]
      }
      case 'transfer':
        return [JSON.stringify(group.transfer(first, words[1])).replaceAll('"', '')]
      case 'compact':
        group.compact(first, Number(second))
        return []
      case 'offer':
        return group.offer(first, second) ? [] : ['of no use']
      case 'install':
        return group.install(first) ? [] : ['of no use']
      case 'read':
        return [group.read(first).type]
      case 'deliver':
        group.deliver(parseMatch(words))
        return []
      case 'drop':
        return [`dropped ${group.drop(parseMatch(words))}`]
      case 'cut':
        if (first.includes('>')) group.cut.add(first)
        else group.isolate(first)
        return []
      case 'heal':
        group.heal()
        return []
      default:
        return this.#machine(name, group.node(first), second)
    }
  }

  #machine(name: string, node: TestNode, second: string): string[] {
    const group = this.#running
    switch (name) {
      case 'lost':
        node.raft.snapshotLost(second)
        group.work(node.id)
        return []
      case 'failed':
        node.raft.snapshotFailed()
        return []
      case 'lose':
        group.loseLog(node.id)
        return []
      case 'forget':
        group.loseState(node.id)
        return []
      case 'slow':
        node.isSlow = true
        return []
      case 'sync':
        group.sync(node.id)
        return []
      case 'hold':
        node.holdsFetches = true
        return []
      case 'fetched':
        group.answerFetches(node.id)
        return []
      case 'crash':
        group.crash(node.id)
        return []
      case 'start':
        group.restart(node.id)
        return []
      default:
        throw new Error(`unknown command ${name}`)
    }
  }

  #nodes(id: string): TestNode[] {
    const group = this.#running
    return id === '' ? [...group.nodes.values()] : [group.node(id)]
  }

  #status(id: string): string[] {
    return this.#nodes(id).flatMap((node) => {
      if (!node.isUp) return [`${node.id} is down`]
      const { role, term, leader, commitIndex, durableIndex, lastIndex, peers } = node.status
      const who = role === 'follower' ? `follower of ${leader ?? '?'}` : role
      const own = `${node.id} ${who}, t${term}, commit ${commitIndex}, durable ${durableIndex}, last ${lastIndex}`
      return [
        own,
        ...peers.map((peer) => {
          const silent = (peer.active ? '' : ', silent') + (peer.recovering ? ', recovers' : '')
          const offered = peer.snapshotIndex === undefined ? '' : ` ${peer.snapshotIndex}`
          return `  ${peer.id} ${peer.state}${offered} match ${peer.matchIndex} next ${peer.nextIndex}${silent}`
        }),
      ]
    })
  }
}

function parseOptions(parts: readonly string[]): Options {
  const named = new Map<string, string>()
  const words: string[] = []
  for (const part of parts) {
    const at = part.indexOf('=')
    if (at === -1) words.push(part)
    else named.set(part.slice(0, at), part.slice(at + 1))
  }
  return { words, named }
}

function parseStart({ named }: Options): NodeStart {
  const terms = named.get('terms')
  const list = terms === undefined ? [] : terms.split(',').map(Number)
  const [baseIndex = 0, baseTerm = 0] = named.get('base')?.split('/').map(Number) ?? []
  return {
    base: { term: baseTerm, index: baseIndex },
    terms: list,
    hardState: {
      currentTerm: Number(named.get('term') ?? Math.max(baseTerm, ...list)),
      votedFor: named.get('vote'),
      commitIndex: Number(named.get('commit') ?? 0),
    },
    appliedIndex: Number(named.get('applied') ?? baseIndex),
    tailMax: Number(named.get('tail') ?? Infinity),
    newcomer: named.has('newcomer'),
  }
}

function describeLog({ base, entries }: MemoryDisk): string {
  const gone = base.index === 0 ? [] : [`(${describeId(base)})`]
  return [...gone, describeEntries(entries) || 'empty'].join(' ')
}

function parseChange([type = '', id = '', by = '']: readonly string[]): ConfigChange {
  switch (type) {
    case 'addLearner':
      return { type, id, context: new Uint8Array(0) }
    case 'promote':
    case 'remove':
      return { type, id }
    case 'replace':
      return { type, id, by }
    default:
      throw new Error(`unknown change ${type}`)
  }
}

function parseMatch(words: readonly string[]): (message: Message) => boolean {
  const link = words.find((word) => word.includes('>'))
  const type = words.find((word) => !word.includes('>'))
  return (message) =>
    (link === undefined || link === `${message.from}>${message.to}`) &&
    (type === undefined || type === message.type)
}
