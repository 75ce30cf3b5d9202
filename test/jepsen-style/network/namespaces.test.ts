/**
 * Goal: what is said to the kernel and what it answers is understood as it is meant; no two runs
 * share names. Method: the pure parts alone; the kernel itself is met in test/e2e.
 */
import { describe, expect, it } from 'vitest'
import { affectedBy, disciplineOf } from '../../../jepsen-style/network/namespaces/disciplines.ts'
import {
  figuresByDevice,
  namesOfLinks,
  packetsByLink,
} from '../../../jepsen-style/network/namespaces/kernel-json.ts'
import {
  freeBlock,
  ownerOf,
  partiesMax,
  runNames,
} from '../../../jepsen-style/network/namespaces/names.ts'

describe('names of a run', () => {
  it('tell whose they are, and fit the kernel', () => {
    const names = runNames(4_194_303, 7)
    const all = [names.router, names.sink, names.refuser, names.loop, names.hostLink]
    for (const name of [...all, names.node('n1')]) expect(ownerOf(name)).toBe(4_194_303)
    expect(new Set([...all, names.node('n1'), names.node('n2')]).size).toBe(7)
    expect(names.hostLink.length).toBeLessThanOrEqual(15)
  })

  it.each(['eth0', 'quorate', 'quorate-x-1-router', 'my-quorate-1-1-router', 'qr12', 'qrx.1', ''])(
    'are never taken to be ours: %s',
    (name) => expect(ownerOf(name)).toBeUndefined(),
  )
})

describe('addresses', () => {
  it('are of the first block that no route mentions, from the preferred one on', () => {
    expect(freeBlock(3, '').cidr).toBe('198.18.3.0/24')
    expect(freeBlock(3, '198.18.3.0/24 via 198.18.3.1 dev x').cidr).toBe('198.18.4.0/24')
    expect(freeBlock(511 + 512, '').cidr).toBe('198.19.255.0/24')
    expect(freeBlock(511, '198.19.255.4/30 dev x').cidr).toBe('198.18.0.0/24')
    // 198.18.30.x is no reason to leave out 198.18.3.x.
    expect(freeBlock(3, '198.18.30.0/24 dev x').cidr).toBe('198.18.3.0/24')
  })

  it('run out', () => {
    const all = Array.from({ length: 512 }, (_, n) => `198.${18 + (n >> 8)}.${n & 255}.0/24`)
    expect(() => freeBlock(1, all.join('\n'))).toThrow('in use')
  })

  it('are four for each party, all different, all in the block', () => {
    const block = freeBlock(0, '')
    const all = Array.from({ length: partiesMax }, (_, i) => Object.values(block.of(i))).flat()
    expect(new Set(all).size).toBe(2 * partiesMax)
    for (const address of all) expect(address).toMatch(/^198\.18\.0\.\d{1,3}$/)
    expect(block.of(1)).toEqual({ router: '198.18.0.5', party: '198.18.0.6' })
  })
})

describe('what the kernel answers', () => {
  const links = JSON.stringify([
    { ifname: 'd1', stats64: { rx: { packets: 4 }, tx: { packets: 17 } } },
    { ifname: 'd2' },
    { stats64: {} },
    5,
  ])

  it('are packets by device', () => {
    expect(namesOfLinks(links)).toEqual(['d1', 'd2'])
    expect(packetsByLink(links)).toEqual(
      new Map([
        ['d1', 17],
        ['d2', 0],
      ]),
    )
  })

  it('are the figures of disciplines that were set up here, at the root', () => {
    const json = JSON.stringify([
      { kind: 'tbf', dev: 'd1', root: true, packets: 9, drops: 2 },
      { kind: 'noqueue', dev: 'd2', root: true, packets: 0 },
      { kind: 'tbf', dev: 'd3', parent: '1:', packets: 9 },
      { kind: 'netem', dev: 'd4', root: true, packets: -1, drops: 'many' },
    ])
    expect(figuresByDevice(json)).toEqual(
      new Map([
        ['d1', { packets: 9, drops: 2 }],
        ['d4', { packets: 0, drops: 0 }],
      ]),
    )
  })

  it('may be nothing, and is refused when it is something else', () => {
    expect(figuresByDevice('')).toEqual(new Map())
    expect(() => packetsByLink('{}')).toThrow('no list')
    expect(() => packetsByLink('[')).toThrow()
  })
})

describe('disciplines', () => {
  it('say what the effects say', () => {
    const netem = (effect: Parameters<typeof disciplineOf>[0]) => disciplineOf(effect).join(' ')
    expect(netem({ type: 'delay', ms: 50, jitterMs: 10 })).toBe(
      'netem limit 100000 delay 50ms 10ms',
    )
    expect(netem({ type: 'loss', share: 0.2 })).toBe('netem limit 100000 loss 20%')
    expect(netem({ type: 'bandwidth', bytesPerSecond: 125_000 })).toContain('tbf rate 1000000bit')
    expect(() => disciplineOf({ type: 'corrupt', share: 1 })).toThrow('checksum')
  })

  it('of loss are proven by what they dropped, not by what passed', () => {
    const passed = { packets: 10, drops: 0 }
    expect(affectedBy('loss', passed)).toBe(0)
    expect(affectedBy('loss', { ...passed, drops: 3 })).toBe(3)
    expect(affectedBy('delay', passed)).toBe(10)
    expect(affectedBy('bandwidth', passed)).toBe(10)
  })
})
