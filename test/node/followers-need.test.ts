import { beforeEach, expect, test } from 'vitest'
import { FollowersNeed, type Follower } from '../../src/node/followers-need.ts'

let followers: Follower[]
let lastIndex: number
let need: FollowersNeed

beforeEach(() => {
  followers = [
    { id: 'n2', matchIndex: 90 },
    { id: 'n3', matchIndex: 40 },
  ]
  lastIndex = 100
  need = new FollowersNeed({ followers: () => followers, lastIndex: () => lastIndex })
})

/** A look each half second, while n2 goes on and n3 does what `step` says. */
function pass(fromMs: number, seconds: number, step: () => void = () => {}): number {
  for (let ms = fromMs; ms <= fromMs + seconds * 1_000; ms += 500) {
    followers = followers.map(({ id, matchIndex }) => ({
      id,
      matchIndex: id === 'n2' ? Math.min(lastIndex, matchIndex + 1) : matchIndex,
    }))
    step()
    lastIndex++
    need.tick(ms)
  }
  return fromMs + seconds * 1_000
}

test('all that is behind is needed, and who is away needs nothing', () => {
  expect(need.needed(false)).toBe(40)
  followers = [{ id: 'n2', matchIndex: 90 }]
  expect(need.needed(false)).toBe(90)
  followers = []
  expect(need.needed(false)).toBe(Infinity)
})

test('who takes nothing for a minute stands still; it needs no less for that', () => {
  let ms = pass(0, 59)
  expect(need.needed(true)).toBe(40)
  ms = pass(ms + 500, 2)
  expect(need.needed(true)).toBeGreaterThan(90)
  expect(need.needed(false)).toBe(40)
  // One entry, and it moves again.
  followers = followers.map((each) => (each.id === 'n3' ? { ...each, matchIndex: 41 } : each))
  expect(need.needed(true)).toBe(41)
  pass(ms + 500, 30)
  expect(need.needed(true)).toBe(41)
})

test('who had nothing to take does not stand still', () => {
  lastIndex = 100
  followers = [{ id: 'n3', matchIndex: 100 }]
  for (let ms = 0; ms <= 300_000; ms += 1_000) need.tick(ms)
  lastIndex = 200
  need.tick(301_000)
  expect(need.needed(true)).toBe(100)
  need.tick(359_000)
  expect(need.needed(true)).toBe(100)
  need.tick(360_000)
  expect(need.needed(true)).toBe(Infinity)
})

test('who comes back after it was away is given its minute', () => {
  const gone = followers
  let ms = pass(0, 50)
  followers = []
  ms = pass(ms + 500, 20)
  followers = gone
  ms = pass(ms + 500, 50)
  expect(need.needed(true)).toBe(40)
  pass(ms + 500, 15)
  expect(need.needed(true)).toBeGreaterThan(40)
})
