/**
 * Goal: bytes come out of the splitter as they went in, cut where messages begin, however they
 * arrive. Method: one stream of every kind of unit, fed in pieces of every size.
 */
import { describe, expect, it } from 'vitest'
import { garbageFrame } from '../../../jepsen-style/network/relay/garbage.ts'
import { SplitError, Splitter } from '../../../jepsen-style/network/relay/splitter.ts'
import type { Unit } from '../../../jepsen-style/network/relay/splitter.ts'
import { frame, seededChance, upgrade } from './helpers.ts'

const close = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])
const text = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x41])
const stream = [
  upgrade,
  frame(0, 1),
  frame(3, 2, true, 300),
  frame(4, 3),
  frame(3, 4, true, 70_000),
  text,
  frame(3, 5),
  close,
]

function feed(splitter: Splitter, bytes: Buffer, size: number): Unit[] {
  const units: Unit[] = []
  for (let at = 0; at < bytes.length; at += size) {
    units.push(...splitter.push(bytes.subarray(at, at + size)))
  }
  return units
}

describe('the splitter', () => {
  it.each([1, 2, 3, 7, 100, 65_536, 1_000_000])('cuts what comes %i bytes at a time', (size) => {
    const units = feed(new Splitter('dialler'), Buffer.concat(stream), size)

    expect(units.map(({ bytes }) => bytes.toString('hex'))).toEqual(
      stream.map((bytes) => bytes.toString('hex')),
    )
    expect(units.map(({ kind, frameKind }) => [kind, frameKind])).toEqual([
      ['head', undefined],
      ['handshake', 0],
      ['message', 3],
      ['message', 4],
      ['message', 3],
      ['control', undefined],
      ['message', 3],
      ['control', undefined],
    ])
  })

  it('waits for the answer of the other side to be 101, and reads frames without a mask', () => {
    const granted = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')
    const units = new Splitter('target').push(Buffer.concat([granted, frame(1, 1, false)]))

    expect(units.map(({ kind, frameKind }) => [kind, frameKind])).toEqual([
      ['head', undefined],
      ['handshake', 1],
    ])
  })

  it('passes on what is no WebSocket as bytes', () => {
    const request = Buffer.from('GET /status HTTP/1.1\r\nHost: n1\r\n\r\n')
    const splitter = new Splitter('dialler')

    expect(splitter.push(request).map(({ kind }) => kind)).toEqual(['head'])
    expect(splitter.push(Buffer.from([0x82, 0x01])).map(({ kind }) => kind)).toEqual(['bytes'])
  })

  it('passes on a message in several frames untouched, and all that follows', () => {
    const first = Buffer.from([0x02, 0x81, 0, 0, 0, 0, 0x94])
    const splitter = new Splitter('dialler')
    splitter.push(upgrade)

    const units = splitter.push(Buffer.concat([first, frame(3, 1)]))

    expect(units.map(({ kind }) => kind)).toEqual(['bytes', 'bytes'])
  })

  it('gives back what an end left unfinished', () => {
    const splitter = new Splitter('dialler')
    splitter.push(upgrade)
    splitter.push(frame(3, 1).subarray(0, 5))

    expect(splitter.rest()).toEqual(frame(3, 1).subarray(0, 5))
    expect(splitter.rest()).toBeUndefined()
  })

  it('refuses a head without an end, and a frame of more than it may hold', () => {
    const huge = Buffer.from([0x82, 0x7f, 0, 0, 0, 0, 0x10, 0, 0, 0])
    const splitter = new Splitter('dialler')
    splitter.push(upgrade)

    expect(() => splitter.push(huge)).toThrow(SplitError)
    expect(() => new Splitter('dialler').push(Buffer.alloc(20_000, 0x41))).toThrow(SplitError)
  })

  it('reads every damaged message as one frame', () => {
    const chance = seededChance(1)
    for (let i = 0; i < 50; i++) {
      const splitter = new Splitter('dialler')
      const damaged = garbageFrame('dialler', chance)
      const units = splitter.push(Buffer.concat([upgrade, damaged, frame(3, 1)]))
      expect(units.map(({ bytes }) => bytes.length)).toEqual([
        upgrade.length,
        damaged.length,
        frame(3, 1).length,
      ])
    }
  })
})
