/**
 * Goal: the stages of the budget do what they are named for, on what the product itself makes of a
 * put. Method: few puts, every stage and floor once; nothing is said about how long they take.
 */
import { expect, test } from 'vitest'
import { floorsOf } from '../../bench/budget/floors.ts'
import { costOf } from '../../bench/budget/measure.ts'
import { Material, stagesOf } from '../../bench/budget/stages.ts'
import { decodeCommand, decodeEntry } from '../../src/command/index.ts'
import { decodeClientFrame } from '../../src/transport/client-codec.ts'
import { decodePeerFrame } from '../../src/transport/peer-codec.ts'
import { decodeNodeFrame } from '../../src/transport/reply-codec.ts'

const shape = { puts: 25, valueBytes: 64, group: 10, withToken: true }

test('the material is puts as the product frames them, group by group', () => {
  const material = new Material(shape)
  const requests = material.requests().map((frame) => decodeClientFrame(frame))
  const sizes = requests.map((frame) => (frame.type === 'requests' ? frame.requests.length : 0))
  expect(sizes).toEqual([10, 10, 5])
  const replies = material.replies().map((frame) => decodeNodeFrame(frame))
  expect(replies.map(({ type }) => type)).toEqual(['replies', 'replies', 'replies'])
  const entries = material.appends().map((frame) => {
    const decoded = decodePeerFrame(frame)
    const message = decoded.type === 'messages' ? decoded.messages[0] : undefined
    return message?.type === 'appendEntries' ? message.entries.length : 0
  })
  expect(entries).toEqual([1, 1, 1])
  const commands = material.entries.flatMap(({ data }) => decodeEntry(data).commands)
  expect(commands.map((bytes) => decodeCommand(bytes))).toMatchObject(
    Array.from({ length: 25 }, (_, i) => ({
      kind: 'write',
      call: { sequence: i + 1 },
      identity: { kind: 'token' },
    })),
  )
})

test('every stage and every floor can be measured', async () => {
  const material = new Material(shape)
  const stages = [...stagesOf(material), ...floorsOf(material)]
  expect(new Set(stages.map(({ where, name }) => `${where} ${name}`)).size).toBe(stages.length)
  for (const stage of stages) {
    const cost = await costOf(stage, shape.puts, 1)
    expect(cost).toMatchObject({ where: stage.where, name: stage.name })
    expect(cost.elapsedMicros).toBeGreaterThan(0)
    expect(cost.cpuMicros).toBeGreaterThanOrEqual(0)
  }
})
