/**
 * Goal: a run asks both sides for the same, in turns, on fresh clusters, and tells what went wrong.
 * Method: sides that only write down what is done to them, in a world in which pauses take no time.
 */
import { describe, expect, test } from 'vitest'
import { parseArguments, type BenchOptions } from '../../bench/command.ts'
import type { JobAnswer } from '../../bench/load/job.ts'
import { emptyHistogram, encodeHistogram } from '../../bench/load/latencies.ts'
import type { BenchRecord, Finding, Measured } from '../../bench/report/record.ts'
import { runBench } from '../../bench/run/bench.ts'
import { gapAround } from '../../bench/run/play.ts'
import type { Surroundings } from '../../bench/run/surroundings.ts'
import type { Cluster, JobRequest, SideKind, SideNode } from '../../bench/sides/side.ts'
import { fixture } from './fixture.ts'

/** Time passes by pauses alone, and nothing real is watched. */
class StillWorld implements Surroundings {
  #nowMs = 0
  readonly watched: string[][] = []

  now(): number {
    return this.#nowMs
  }

  wall(): number {
    return 1_800_000_000_000 + this.#nowMs
  }

  async pause(ms: number): Promise<void> {
    this.#nowMs += ms
    // Others get their turn, as they would in a real pause.
    await new Promise((done) => setImmediate(done))
  }

  watch(processes: readonly { name: string; pid: number }[]): ReturnType<Surroundings['watch']> {
    this.watched.push(processes.map(({ name }) => name))
    return {
      stop: (beginMs, endMs) =>
        processes.map(({ name }) => ({ name, cpuSeconds: (endMs - beginMs) / 2_000, rssAnon: 1 })),
    }
  }
}

const histogram = encodeHistogram(emptyHistogram())

interface WrittenNode {
  readonly id: string
  readonly endpoint: string
  pid: number | undefined
}

/** What a job comes to, besides what it comes to anyway. */
type Answering = (job: JobRequest, side: WrittenSide) => Partial<JobAnswer> | Error

/** A side that writes down what is done to it, in the list that all sides share. */
class WrittenSide implements SideKind {
  readonly name: Measured
  readonly version: string
  readonly settings = 'none'
  readonly jobs: JobRequest[] = []
  /** Which of its three nodes leads. */
  leads = 1
  nodes: readonly WrittenNode[] = []
  readonly #events: string[]
  readonly #answer: Answering

  constructor(name: Measured, events: string[], answer: Answering = () => ({})) {
    this.name = name
    this.version = `${name} 1.0`
    this.#events = events
    this.#answer = answer
  }

  load(endpoints: string): ReturnType<SideKind['load']> {
    this.#note(`connect ${endpoints}`)
    return {
      pid: 99,
      run: async (job) => {
        this.jobs.push(job)
        this.#note(`${job.op}${job.op === 'fill' ? ` ${job.keys?.count}` : ''}`)
        const answer = this.#answer(job, this)
        if (answer instanceof Error) throw answer
        return answerOf(job, answer)
      },
      close: async () => this.#note('disconnect'),
    }
  }

  async start(directory: string): Promise<Cluster> {
    this.#note(`start ${directory}`)
    const nodes = ['a', 'b', 'c'].map((id, i): WrittenNode => ({
      id,
      endpoint: `${id}:1`,
      pid: i + 1,
    }))
    this.nodes = nodes
    const node = (id: string): WrittenNode => nodes.find((each) => each.id === id)!
    return {
      nodes,
      leader: async (): Promise<SideNode> => nodes[this.leads]!,
      kill: async (id) => {
        this.#note(`kill ${id}`)
        node(id).pid = undefined
        if (nodes[this.leads]?.id === id) this.leads = (this.leads + 1) % 3
      },
      restart: async (id) => {
        this.#note(`restart ${id}`)
        node(id).pid = 7
      },
      signal: (id, signal) => this.#note(`${signal} ${id}`),
      close: async () => this.#note('close'),
    }
  }

  #note(what: string): void {
    this.#events.push(`${this.name} ${what}`)
  }
}

function answerOf(job: JobRequest, more: Partial<JobAnswer>): JobAnswer {
  const seconds = job.seconds ?? 1
  const operations = Math.round(1_000 * seconds)
  return {
    operations,
    records: operations,
    failed: 0,
    dropped: 0,
    seconds,
    errors: {},
    histogram,
    p50: 1,
    p90: 2,
    p99: 3,
    max: 4,
    client: 'a client',
    ...more,
  }
}

interface Played {
  readonly record: BenchRecord
  readonly events: readonly string[]
  readonly world: StillWorld
  readonly ours: WrittenSide
  readonly peer: WrittenSide
  /** The scenarios that stood in each record that was kept on the way. */
  readonly kept: readonly (readonly string[])[]
}

/** Runs a bench with these arguments; the peer takes part with `--peer etcd`. */
async function bench(
  args: string,
  answers: {
    quorate?: Answering
    etcd?: Answering
  } = {},
): Promise<Played> {
  const parsed = parseArguments(args.split(' '))
  if (parsed.kind !== 'run') throw new Error(parsed.text)
  const options: BenchOptions = parsed.options
  const events: string[] = []
  const world = new StillWorld()
  const ours = new WrittenSide('quorate', events, answers.quorate)
  const peer = new WrittenSide('etcd', events, answers.etcd)
  const kept: string[][] = []
  const record = await runBench(options, {
    ours,
    peer: options.peer === undefined ? undefined : peer,
    core: new WrittenSide('core', events),
    directory: '/d',
    command: 'npm run bench',
    notes: [],
    tell: () => {},
    keep: (found) => kept.push(found.scenarios.map(({ name }) => name)),
    world,
    machine: fixture.machine,
  })
  return { record, events, world, ours, peer, kept }
}

function finding<K extends Finding['kind']>(
  record: BenchRecord,
  name: string,
  kind: K,
): Extract<Finding, { kind: K }> {
  const found = record.scenarios.find((scenario) => scenario.name === name)?.finding
  if (found?.kind !== kind) throw new Error(`${name} found no ${kind}`)
  return found as Extract<Finding, { kind: K }>
}

test('what was found is kept after each scenario, also after one that failed', async () => {
  const quorate: Answering = ({ op }) => (op === 'get' ? new Error('no') : {})
  const { kept } = await bench('put-1 put-64 get-1 --rounds 1', { quorate })
  expect(kept).toEqual([['put-1'], ['put-1', 'put-64'], ['put-1', 'put-64']])
})

describe('a load', () => {
  test('alternates between the sides, on clusters that go when it is over', async () => {
    const { events, record } = await bench('put-64 --peer etcd --rounds 3')
    expect(events).toEqual([
      'quorate start /d/put-64/quorate',
      'quorate connect b:1,a:1,c:1',
      'etcd start /d/put-64/etcd',
      'etcd connect b:1,a:1,c:1',
      'quorate put', // opens connections
      'etcd put',
      'quorate put',
      'etcd put',
      'etcd put',
      'quorate put',
      'quorate put',
      'etcd put',
      'quorate disconnect',
      'quorate close',
      'etcd disconnect',
      'etcd close',
    ])
    const { sides } = finding(record, 'put-64', 'load')
    expect(sides.map(({ side, rounds }) => [side, rounds.length])).toEqual([
      ['quorate', 3],
      ['etcd', 3],
    ])
  })

  test('asks both sides for the same, with new keys in every round', async () => {
    const { ours, peer } = await bench('once-256 --peer etcd --rounds 2 --seconds 4 --warmup 1')
    expect(peer.jobs).toEqual(ours.jobs)
    const [opening, first, second] = ours.jobs
    expect(first).toMatchObject({
      op: 'once',
      inFlight: 256,
      seconds: 4,
      warmupSeconds: 1,
      from: 0,
      seed: 1,
    })
    expect(second).toMatchObject({ from: 100_000_000, seed: 2 })
    // What opens the connections must not use up keys of a round.
    expect(opening).toMatchObject({ from: 9_000_000_000, seconds: 15, warmupSeconds: 0 })
  })

  test('stores what it reads beforehand', async () => {
    const { events } = await bench('get-64 --rounds 1')
    expect(events.filter((event) => / (?:fill|get)\b/.test(event))).toEqual([
      'quorate fill 10000',
      'quorate get',
      'quorate get',
    ])
  })

  test('takes as long as it needs at least', async () => {
    const { ours } = await bench('scan-100k --rounds 1 --seconds 1')
    expect(ours.jobs.at(-1)).toMatchObject({ op: 'scan', seconds: 10, keys: { count: 100_000 } })
  })

  test('watches every process over the measured time alone, the leader first', async () => {
    const { world, record } = await bench('put-64 --rounds 1 --seconds 4 --warmup 1')
    expect(world.watched.at(-1)).toEqual(['leader', 'follower 1', 'follower 2', 'client'])
    const usage = finding(record, 'put-64', 'load').sides[0]?.rounds[0]?.usage
    expect(usage?.map(({ cpuSeconds }) => cpuSeconds)).toEqual([2, 2, 2, 2])
  })
})

describe('a node that ends by itself', () => {
  test('spoils the round: with a node less each call would cost less', async () => {
    const quorate: Answering = (job, side) => {
      const [node] = side.nodes
      if (job.seconds === 5 && node !== undefined) node.pid = undefined
      return {}
    }
    const { record } = await bench('put-64 --rounds 1', { quorate })
    expect(record.notes).toEqual(['put-64 failed: the follower 1 of quorate ended during a round'])
    expect(record.scenarios).toEqual([])
  })
})

describe('another leader', () => {
  test('is followed by the load before the next round, and that is noted', async () => {
    const quorate: Answering = (job, side) => {
      if (job.seconds === 5 && job.seed === 1) side.leads = 2
      return {}
    }
    const { events, record } = await bench('put-64 --rounds 2', { quorate })
    expect(events.filter((event) => /connect/.test(event))).toEqual([
      'quorate connect b:1,a:1,c:1',
      'quorate disconnect',
      'quorate connect c:1,a:1,b:1',
      'quorate disconnect',
    ])
    expect(record.notes).toEqual([
      'put-64: the leader changed in round 1 of quorate.',
      'put-64: another node leads than before, so the client was new in round 2 of quorate.',
    ])
  })
})

describe('a follower', () => {
  test('that is down goes before the load begins', async () => {
    const { events, world } = await bench('follower-down --rounds 2')
    expect(events.indexOf('quorate kill a')).toBeLessThan(events.indexOf('quorate put'))
    expect(events.filter((event) => event.includes('kill'))).toEqual(['quorate kill a'])
    expect(world.watched.at(-1)).toEqual(['leader', 'follower 1', 'client'])
  })

  test('that is slow stops and goes, and goes in the end', async () => {
    const { events } = await bench('follower-slow --rounds 2')
    const signals = events.filter((event) => event.includes('SIG'))
    expect(signals.length).toBeGreaterThan(0)
    expect(signals.length % 2).toBe(0)
    for (const [at, signal] of signals.entries()) {
      expect(signal).toBe(`quorate ${at % 2 === 0 ? 'SIGSTOP' : 'SIGCONT'} a`)
    }
  })
})

describe('an open loop', () => {
  const rated = (rate: number) => (job: JobRequest) =>
    job.rate === undefined && job.seconds === 5 ? { operations: rate * 5 } : {}

  test('runs at half of what the peer reached', async () => {
    const { ours, peer, record } = await bench('open-half --peer etcd --rounds 1', {
      quorate: rated(9_000),
      etcd: rated(3_001),
    })
    expect(ours.jobs.at(-1)?.rate).toBe(1_501)
    expect(peer.jobs.at(-1)?.rate).toBe(1_501)
    // Connections are opened without it: a rate is of no use in no time.
    expect(ours.jobs.at(-2)?.rate).toBeUndefined()
    expect(finding(record, 'open-half', 'load').rate).toBe(1_501)
  })

  test('runs at half of ours where there is no peer', async () => {
    const { ours } = await bench('open-half --rounds 1', { quorate: rated(9_000) })
    expect(ours.jobs.at(-1)?.rate).toBe(4_500)
  })

  test('is left out, and that is said, where nothing gives its rate', async () => {
    const { record } = await bench('open-half --rounds 1', { quorate: () => new Error('no') })
    expect(record.scenarios).toEqual([])
    expect(record.notes).toEqual([
      'put-256 failed: no',
      'open-half was left out: the scenario that gives its rate was not measured.',
    ])
  })
})

describe('fail-over', () => {
  test('kills whoever leads, and brings it back', async () => {
    const { events, record } = await bench('fail-over --kills 2', {
      quorate: (job) =>
        job.op === 'write-gap'
          ? { gaps: [[1_800_000_000_000, 100_000]], longestGapMs: 100_000 }
          : {},
    })
    expect(events.filter((event) => /kill|restart/.test(event))).toEqual([
      'quorate kill b',
      'quorate restart b',
      'quorate kill c',
      'quorate restart c',
    ])
    expect(finding(record, 'fail-over', 'fail-over').sides).toEqual([
      { side: 'quorate', gapsMs: [100_000, 100_000], open: 2 },
    ])
  })

  test('counts the longest gap that was not over before the kill', () => {
    const gaps = [
      [1_000, 900],
      [1_950, 400],
      [3_000, 60],
    ] as const
    expect(gapAround({ beganAt: 1_000, killedAt: 2_000 }, gaps, 900)).toEqual({
      gapMs: 400,
      open: false,
    })
  })

  test('of no gap worth the list is the longest of all, at most that long', () => {
    expect(gapAround({ beganAt: 1_000, killedAt: 2_000 }, [], 31)).toEqual({
      gapMs: 31,
      open: false,
    })
    expect(gapAround({ beganAt: 1_000, killedAt: 2_000 }, [[100, 900]], 900)).toEqual({
      gapMs: 50,
      open: false,
    })
  })

  test('says when a gap was still open at the end', () => {
    // Watched from 1,000 to 7,000.
    expect(gapAround({ beganAt: 1_000, killedAt: 2_000 }, [[2_000, 5_000]], 5_000)).toEqual({
      gapMs: 5_000,
      open: true,
    })
    expect(gapAround({ beganAt: 1_000, killedAt: 2_000 }, [[2_000, 4_500]], 4_500)).toEqual({
      gapMs: 4_500,
      open: false,
    })
  })
})

describe('growth', () => {
  test('is ours alone, step by step, with restarts at each', async () => {
    const { events, record } = await bench('growth --peer etcd --rounds 1 --rows-max 200000')
    expect(events.some((event) => event.startsWith('etcd'))).toBe(false)
    expect(events.filter((event) => event.includes('fill'))).toEqual([
      'quorate fill 10000',
      'quorate fill 90000',
      'quorate fill 100000',
    ])
    const [side] = finding(record, 'growth', 'growth').sides
    expect(side?.steps.map(({ rows, restartSeconds }) => [rows, restartSeconds.length])).toEqual([
      [10_000, 3],
      [100_000, 3],
      [200_000, 3],
    ])
  })

  test('draws keys from all rows that are stored', async () => {
    const { ours } = await bench('growth --rounds 1 --rows-max 100000')
    // The first one lets compilers settle: what follows is compared with the first step.
    expect(ours.jobs.filter(({ op }) => op === 'put').map(({ keys }) => keys?.count)).toEqual([
      10_000, 10_000, 100_000,
    ])
    expect(ours.jobs.filter(({ op }) => op === 'fill').map(({ from }) => from)).toEqual([0, 10_000])
  })

  test('is the peer’s too where that is asked for', async () => {
    const { record } = await bench('growth --peer etcd --peer-growth --rounds 1 --rows-max 10000')
    expect(finding(record, 'growth', 'growth').sides.map(({ side }) => side)).toEqual([
      'quorate',
      'etcd',
    ])
  })
})

test('a restart is that of a follower, killed before', async () => {
  const { events, record } = await bench('restart-1m --rounds 2 --rows-max 500')
  expect(events.filter((event) => /^quorate (?:fill|kill|restart)/.test(event))).toEqual([
    'quorate fill 500',
    'quorate kill a',
    'quorate restart a',
    'quorate kill a',
    'quorate restart a',
  ])
  expect(finding(record, 'restart-1m', 'restart').rows).toBe(500)
})

test('the core is measured beside the product, and no peer with it', async () => {
  const { record, events } = await bench('core --peer etcd --rounds 1')
  expect(finding(record, 'core', 'load').sides.map(({ side }) => side)).toEqual(['quorate', 'core'])
  expect(events.some((event) => event.startsWith('etcd'))).toBe(false)
})

describe('a run', () => {
  test('goes on after a scenario that fails, with its clusters gone, and says so', async () => {
    const { record, events } = await bench('put-1 put-64 --rounds 1', {
      quorate: (job) => (job.inFlight === 1 ? new Error('the node is gone') : {}),
    })
    expect(record.notes).toEqual(['put-1 failed: the node is gone'])
    expect(record.scenarios.map(({ name }) => name)).toEqual(['put-64'])
    expect(events.filter((event) => event === 'quorate close').length).toBe(2)
  })

  test('looks once at what clusters take with nothing to do', async () => {
    const { record, world } = await bench('put-1 put-64 --peer etcd --rounds 1')
    expect(
      record.idle.map(({ side, usage }) => [side, usage.map(({ cpuShare }) => cpuShare)]),
    ).toEqual([
      ['quorate', [0.5, 0.5, 0.5]],
      ['etcd', [0.5, 0.5, 0.5]],
    ])
    expect(world.watched.filter((names) => !names.includes('client')).length).toBe(2)
  })

  test('names versions and clients', async () => {
    const { record } = await bench('put-1 --peer etcd --rounds 1')
    expect(record.sides).toEqual([
      { side: 'quorate', version: 'quorate 1.0', settings: 'none', client: 'a client' },
      { side: 'etcd', version: 'etcd 1.0', settings: 'none', client: 'a client' },
    ])
    expect(record.startedAt).toBe(new Date(1_800_000_000_000).toISOString())
  })

  test('that is short plays plain loads on the same clusters', async () => {
    const { events, record } = await bench('--short')
    expect(record.scenarios.length).toBe(4)
    expect(events.filter((event) => event.includes('start '))).toEqual([
      'quorate start /d/put-64/quorate',
    ])
    expect(events.at(-1)).toBe('quorate close')
  })
})
