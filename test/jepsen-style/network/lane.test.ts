/**
 * Goal: each rule does to messages what it says, counts it, and nothing else happens to them.
 * Method: a lane between a fake source and a fake sink, time set by hand, chance said in advance.
 */
import { describe, expect, it } from 'vitest'
import type { LinkEffect, Party } from '../../../jepsen-style/network/links.ts'
import { Lane, laneBytesMax } from '../../../jepsen-style/network/relay/lane.ts'
import { RelayRule, RuleBook } from '../../../jepsen-style/network/relay/rules.ts'
import type { Chance } from '../../../jepsen-style/workloads/workload.ts'
import { frame, HandClock, saidChance, seededChance, upgrade } from './helpers.ts'

const hello = frame(0, 0)

/** A lane whose handshake is done, and what came out of it since. */
function openLane(options: { effects?: LinkEffect[]; chance?: Chance; from?: Party } = {}) {
  const rules = new RuleBook()
  const added = (options.effects ?? []).map((effect) => addRule(rules, effect))
  const clock = new HandClock()
  const got: string[] = []
  const sink = {
    takes: true,
    drain: () => {},
    write(bytes: Buffer) {
      got.push(nameOf(bytes))
      return sink.takes
    },
    once: (_event: 'drain', listener: () => void) => (sink.drain = listener),
    end: () => got.push('end'),
    resetAndDestroy: () => got.push('reset'),
  }
  const source = {
    paused: false,
    reset: false,
    pause: () => (source.paused = true),
    resume: () => (source.paused = false),
    resetAndDestroy: () => (source.reset = true),
  }
  const lane = new Lane({
    from: options.from ?? 'n1',
    to: 'n2',
    side: 'dialler',
    source,
    rules,
    clock,
    chance: options.chance ?? saidChance(0),
  })
  return { lane, rules, added, clock, got, sink, source }
}

/** The same with the handshake through. */
function opened(options: Parameters<typeof openLane>[0] = {}) {
  const parts = openLane({ ...options, effects: [] })
  parts.lane.attach(parts.sink)
  parts.lane.push(Buffer.concat([upgrade, hello]))
  expect(parts.got).toEqual(['head', 'f0:0'])
  parts.got.length = 0
  const added = (options.effects ?? []).map((effect) => addRule(parts.rules, effect))
  parts.lane.rulesChanged(false)
  return { ...parts, added }
}

function addRule(rules: RuleBook, effect: LinkEffect): RelayRule {
  const rule = new RelayRule({ effect, applies: (from) => from !== 'n2' })
  rules.add(rule)
  return rule
}

function remove(parts: ReturnType<typeof opened>, rule = parts.added[0]!): void {
  parts.rules.delete(rule)
  parts.lane.rulesChanged(rule.effect.type !== 'cut')
}

/** `f3:7` for the frame of kind 3 with the marker 7. */
function nameOf(bytes: Buffer): string {
  if (bytes[0] === 0x47) return 'head'
  const mask = bytes.length > 6 ? 0 : undefined
  if (mask === undefined || bytes.length < 10) return 'other'
  const start = (bytes[1]! & 0x7f) < 126 ? 6 : (bytes[1]! & 0x7f) === 126 ? 8 : 14
  const at = (i: number): number => bytes[start + i]! ^ bytes[start - 4 + (i % 4)]!
  return at(0) === 0x94 ? `f${at(1)}:${at(2)}` : 'other'
}

const send = (lane: Lane, ...markers: readonly number[]): void => {
  for (const marker of markers) lane.push(frame(3, marker))
}

describe('a lane', () => {
  it('without rules passes everything on at once and in order', () => {
    const { lane, got, clock } = opened()
    send(lane, 1, 2, 3)
    lane.finish('end')
    expect(got).toEqual(['f3:1', 'f3:2', 'f3:3', 'end'])
    expect(clock.pending).toBe(0)
  })

  it('holds everything while a silent cut is there, and delivers it late and in order', () => {
    const parts = opened({ effects: [{ type: 'cut', how: 'silent' }] })
    send(parts.lane, 1, 2)
    parts.lane.finish('end')
    parts.clock.pass(60_000)
    expect(parts.got).toEqual([])
    expect(parts.added[0]!.counts()).toEqual({ affected: 2, refused: 0 })

    remove(parts)
    expect(parts.got).toEqual(['f3:1', 'f3:2', 'end'])
  })

  it('counts a silent cut also where another one holds already', () => {
    const cut: LinkEffect = { type: 'cut', how: 'silent' }
    const parts = opened({ effects: [{ type: 'loss', share: 1 }, cut, cut] })
    send(parts.lane, 1)
    expect(parts.added.map((rule) => rule.affected)).toEqual([1, 1, 1])

    remove(parts, parts.added[1])
    lossOff(parts)
    send(parts.lane, 2)
    expect(parts.got).toEqual([])
  })

  it('lets messages pass under a cut with resets, whose connections are not of this direction', () => {
    const parts = opened({ effects: [{ type: 'cut', how: 'reset' }] })
    send(parts.lane, 1)
    expect(parts.got).toEqual(['f3:1'])
  })

  it('delays each by its own time and keeps their order', () => {
    const parts = opened({
      effects: [{ type: 'delay', ms: 50, jitterMs: 10 }],
      chance: saidChance(1, 0, 0.5),
    })
    send(parts.lane, 1, 2)
    parts.clock.pass(59)
    expect(parts.got).toEqual([])
    parts.clock.pass(1)
    expect(parts.got).toEqual(['f3:1', 'f3:2'])

    send(parts.lane, 3)
    parts.clock.pass(49)
    expect(parts.got).toHaveLength(2)
    parts.clock.pass(1)
    expect(parts.got).toEqual(['f3:1', 'f3:2', 'f3:3'])
    expect(parts.added[0]!.affected).toBe(3)
  })

  it('delivers what is delayed when the delay is taken away', () => {
    const parts = opened({ effects: [{ type: 'delay', ms: 5000, jitterMs: 0 }] })
    send(parts.lane, 1)
    remove(parts)
    send(parts.lane, 2)
    expect(parts.got).toEqual(['f3:1', 'f3:2'])
    expect(parts.clock.pending).toBe(0)
  })

  it('loses the share that it says, and never of a handshake', () => {
    const parts = openLane({
      effects: [{ type: 'loss', share: 0.5 }],
      chance: saidChance(0.4, 0.6),
    })
    parts.lane.attach(parts.sink)
    parts.lane.push(Buffer.concat([upgrade, hello]))
    send(parts.lane, 1, 2)
    expect(parts.got).toEqual(['head', 'f0:0', 'f3:2'])
    expect(parts.added[0]!.counts().affected).toBe(1)
  })

  it('repeats messages of Raft, and neither pings nor what clients send', () => {
    const effects: LinkEffect[] = [{ type: 'duplicate', share: 1 }]
    const nodes = opened({ effects, chance: saidChance(0) })
    send(nodes.lane, 1)
    nodes.lane.push(frame(4, 2))
    expect(nodes.got).toEqual(['f3:1', 'f3:1', 'f4:2'])
    expect(nodes.added[0]!.affected).toBe(1)

    const fromClients = opened({ effects, from: 'clients' })
    send(fromClients.lane, 1)
    expect(fromClients.got).toEqual(['f3:1'])
    expect(fromClients.added[0]!.affected).toBe(0)
  })

  it('lets a message be overtaken, also where nothing follows', () => {
    const parts = opened({
      effects: [{ type: 'reorder', share: 0.5 }],
      chance: saidChance(0, 0.9, 0),
    })
    send(parts.lane, 1, 2)
    expect(parts.got).toEqual(['f3:2'])
    parts.clock.pass(1)
    expect(parts.got).toEqual(['f3:2', 'f3:1'])
    send(parts.lane, 3)
    parts.lane.finish('end')
    expect(parts.got).toHaveLength(2)
    parts.clock.pass(1)
    expect(parts.got.slice(2)).toEqual(['f3:3', 'end'])
    expect(parts.added[0]!.affected).toBe(2)
  })

  it('keeps to a bandwidth over time', () => {
    const parts = opened({ effects: [{ type: 'bandwidth', bytesPerSecond: 10_000 }] })
    for (let i = 0; i < 10; i++) parts.lane.push(frame(3, i, true, 986))
    expect(frame(3, 0, true, 986).length).toBeLessThan(1000)
    parts.clock.pass(500)
    const half = parts.got.length
    expect(half).toBeGreaterThanOrEqual(4)
    expect(half).toBeLessThanOrEqual(6)
    expect(parts.source.paused).toBe(true)
    parts.clock.pass(600)
    expect(parts.got).toHaveLength(10)
    expect(parts.source.paused).toBe(false)
    expect(parts.added[0]!.affected).toBe(10)
  })

  it('replaces what it damages by something that is no message', () => {
    const parts = opened({ effects: [{ type: 'corrupt', share: 1 }] })
    send(parts.lane, 1)
    expect(parts.got).toEqual(['other'])
    expect(parts.added[0]!.affected).toBe(1)
  })

  it('stops reading when the sink takes no more, and goes on when it does', () => {
    const { lane, got, sink, source } = opened()
    sink.takes = false
    lane.push(frame(3, 1))
    lane.push(frame(3, 2, true, laneBytesMax))
    expect(got).toEqual(['f3:1'])
    expect(source.paused).toBe(true)
    sink.takes = true
    sink.drain()
    expect(got).toEqual(['f3:1', 'f3:2'])
    expect(source.paused).toBe(false)
  })

  it('holds what comes before there is a sink', () => {
    const { lane, got, sink } = openLane()
    lane.push(Buffer.concat([upgrade, hello]))
    expect(got).toEqual([])
    lane.attach(sink)
    expect(got).toEqual(['head', 'f0:0'])
  })

  it('answers with a reset what is sent to a sink that has gone, unless that is cut', () => {
    const cut = opened({ effects: [{ type: 'cut', how: 'silent' }] })
    cut.lane.sinkGone()
    send(cut.lane, 1)
    expect(cut.source.reset).toBe(false)

    const open = opened()
    open.lane.sinkGone()
    send(open.lane, 1)
    expect(open.source.reset).toBe(true)
  })

  it('resets both sides of what it cannot cut into messages', () => {
    const { lane, got, source } = openLane()
    lane.attach({ ...opened().sink, resetAndDestroy: () => got.push('reset') })
    lane.push(Buffer.alloc(20_000, 0x41))
    expect(got).toEqual(['reset'])
    expect(source.reset).toBe(true)
  })

  it('neither adds nor loses messages under delay, reorder and bandwidth', () => {
    for (let seed = 0; seed < 20; seed++) {
      const parts = opened({
        chance: seededChance(seed),
        effects: [
          { type: 'delay', ms: 20, jitterMs: 20 },
          { type: 'reorder', share: 0.2 },
          { type: 'bandwidth', bytesPerSecond: 5000 },
        ],
      })
      const sent = Array.from({ length: 100 }, (_, i) => i)
      for (const marker of sent) {
        send(parts.lane, marker)
        parts.clock.pass(3)
      }
      parts.lane.finish('end')
      parts.clock.pass(10_000)
      expect(parts.got.at(-1)).toBe('end')
      const got = parts.got.slice(0, -1)
      expect(got).not.toEqual(sent.map((marker) => `f3:${marker}`))
      expect(got.toSorted()).toEqual(sent.map((marker) => `f3:${marker}`).toSorted())
    }
  })
})

function lossOff(parts: ReturnType<typeof opened>): void {
  remove(parts, parts.added[0])
}
