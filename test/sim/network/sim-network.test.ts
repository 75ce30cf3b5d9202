/**
 * Goal: the simulated network keeps the promises of the port, and breaks them only where a fault
 * says so.
 * Method: the suite that every network must pass; then each kind of bad weather on one connection.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/random.ts'
import { encodePeerFrame } from '../../../src/transport/peer-codec.ts'
import { End, networkSuite } from '../../suites/network.ts'
import { Kernel } from '../kernel/kernel.ts'
import { MachineClock, Process } from '../kernel/process.ts'
import { settle } from '../kernel/settle.ts'
import { SimNetwork } from './sim-network.ts'
import { Weather } from './weather.ts'
import type { Effect } from './weather.ts'

function world() {
  const kernel = new Kernel()
  const weather = new Weather({ delayMs: 1, jitterMs: 2 })
  const network = new SimNetwork({
    kernel,
    random: new SeededRandom(7),
    weather,
    windowBytes: 65_536,
    isRough: (port) => port === 7201,
  })
  const start = (name: string): Process => new Process(kernel, name, new MachineClock(kernel))
  return { kernel, weather, network, start }
}

networkSuite('simulated', () => {
  const { kernel, network, start } = world()
  return {
    server: network.port('server', start('server')),
    client: network.port('client', start('client')),
    address: 'server:0',
    settle: (promise) => settle(kernel, promise),
  }
})

async function pair(port = 7201) {
  const { kernel, weather, network, start } = world()
  const accepted: End[] = []
  const a = start('a')
  const b = start('b')
  await settle(
    kernel,
    network.port('b', b).listen({
      address: `b:${port}`,
      frameBytesMax: 1_000_000,
      connectionsMax: 10,
      onConnection: (connection) => accepted.push(new End(connection)),
    }),
  )
  const dial = network.port('a', a).connect(`b:${port}`, { frameBytesMax: 1e6, timeoutMs: 1000 })
  const near = new End(await settle(kernel, dial))
  const all = (effect: Effect) => weather.add(() => effect)
  /** In a turn of its own, as all that happens in a lifetime. */
  const pass = (ms: number) => settle(kernel, a.sleep(ms))
  return { kernel, weather, network, a, b, near, far: accepted[0]!, all, pass }
}

const ping = encodePeerFrame({ type: 'peerPing' })
/** A message whose last byte is its number. */
const message = (number: number): Uint8Array =>
  encodePeerFrame({
    type: 'messages',
    messages: [{ type: 'readIndexRequest', from: 'a', to: 'b', term: 1, requestId: number }],
  })

describe('bad weather', () => {
  test('a cut holds what is under way, and all goes on in order when it is over', async () => {
    const { near, far, weather, pass } = await pair()
    const rule = (): Effect => ({ cut: 'hold' })
    weather.add(rule)
    near.connection.send(message(1))
    near.connection.send(message(2))
    await pass(5000)
    expect(far.frames).toEqual([])
    weather.remove(rule)
    await pass(50)
    expect(far.frames).toEqual([message(1), message(2)].map((frame) => new Uint8Array(frame)))
  })

  test('a cut that drops loses for ever, in one direction alone', async () => {
    const { near, far, weather, pass } = await pair()
    const rule = (from: string): Effect | undefined => (from === 'a' ? { cut: 'drop' } : undefined)
    weather.add(rule)
    near.connection.send(ping)
    far.connection.send(ping)
    await pass(50)
    weather.remove(rule)
    await pass(50)
    expect([near.frames.length, far.frames.length]).toEqual([1, 0])
  })

  test('nobody connects through a cut', async () => {
    const { network, a, kernel, all } = await pair()
    all({ cut: 'hold' })
    const dial = network.port('a', a).connect('b:7201', { frameBytesMax: 10, timeoutMs: 300 })
    await expect(settle(kernel, dial)).rejects.toMatchObject({ code: 'QUORATE_CONNECTION_LOST' })
  })

  test('messages are repeated and overtaken, handshakes and signs of life are not', async () => {
    const { near, far, all, pass } = await pair()
    all({ duplication: 1 })
    for (let i = 0; i < 20; i++) near.connection.send(ping)
    await pass(500)
    expect(far.frames.length).toBe(20)
    const asks = { type: 'snapshotRequest', snapshot: { term: 1, index: 1 }, frame: 0 } as const
    near.connection.send(encodePeerFrame(asks))
    await pass(500)
    expect(far.frames.splice(20)).toHaveLength(1)
    for (let i = 0; i < 20; i++) near.connection.send(message(i + 1))
    await pass(500)
    expect(far.frames.length).toBe(60)
    all({ reordering: 0.5 })
    const before = far.frames.length
    for (let i = 0; i < 20; i++) near.connection.send(message(i + 1))
    await pass(500)
    const numbers = far.frames.slice(before).map((frame) => frame.at(-1) ?? 0)
    expect(numbers).not.toEqual([...numbers].sort((x, y) => x - y))
  })

  test('clients lose nothing to a rough link', async () => {
    const { near, far, all, pass } = await pair(7101)
    all({ loss: 0.9, duplication: 0.9, reordering: 0.9 })
    for (let i = 0; i < 50; i++) near.connection.send(Uint8Array.of(i))
    await pass(500)
    expect(far.frames.map(([first]) => first)).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  test('a narrow link takes its time, byte by byte', async () => {
    const { near, far, all, pass } = await pair()
    all({ bandwidth: 10 })
    near.connection.send(new Uint8Array(1000))
    await pass(90)
    expect(far.frames.length).toBe(0)
    await pass(30)
    expect(far.frames.length).toBe(1)
  })
})

describe('ends of processes and machines', () => {
  test('the kernel of a killed process resets its connections', async () => {
    const { near, b, pass } = await pair()
    b.kill()
    await pass(50)
    expect(near.log).toEqual(['close'])
  })

  test('a machine without power says nothing until it is up again and is spoken to', async () => {
    const { near, b, network, pass } = await pair()
    network.powerOff('b')
    b.kill()
    near.connection.send(ping)
    await pass(5000)
    expect(near.log).toEqual([])
    network.powerOn('b')
    near.connection.send(ping)
    await pass(50)
    expect(near.log).toEqual(['close'])
  })

  test('a stopped process reads everything when it goes on, timers before it, soon after it', async () => {
    const { near, far, b, pass } = await pair()
    const log: string[] = []
    b.clock.timer(10, () => {
      log.push(`timer, ${far.frames.length} read`)
      b.clock.soon(() => log.push(`soon, ${far.frames.length} read`))
    })
    b.stop()
    near.connection.send(ping)
    await pass(100)
    expect(log).toEqual([])
    b.resume()
    await pass(1)
    expect(log).toEqual(['timer, 0 read', 'soon, 1 read'])
  })
})
