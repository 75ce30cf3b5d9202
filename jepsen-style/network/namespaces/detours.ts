/**
 * What is done to packets of one direction between two parties: policy routing in the router sends
 * them on a detour.
 *
 *   silent cut   to the sink, which takes them and does nothing
 *   reset cut    those of connections opened in this direction, to the refuser, which takes every
 *                address for its own and has nobody listening: its kernel answers with a TCP reset
 *   all others   through a device with a queueing discipline of `tc` to the loop, which sends
 *                them back to the router, from where they go on
 *
 * Each detour is a veth pair of its own, whose counter says how many packets took it. A rule of the
 * router asks from which device a packet came, so that what comes back from a detour does not take
 * it again, but the next one or the way to its goal.
 */
import { ipBatch, run } from './command.ts'
import type { RunNames } from './names.ts'
import { partiesMax } from './names.ts'
import { refuserTable } from './refuser.ts'

/** Rules of one direction: two kinds of cuts, and so many others at once. */
const slotsPerPair = 32
const shapesMax = slotsPerPair - 2
/** Numbers of routing tables below are the system's own. */
const firstTable = 1000
/**
 * Both ends of a detour have this hardware address. Without ARP a device addresses packets to
 * itself, and so they are for the other end.
 */
const hardwareAddress = '02:51:52:00:00:01'

/** A direction, as the kernel knows it. */
export interface Direction {
  /** The parties by their numbers, from 0. */
  readonly from: number
  readonly to: number
  readonly fromAddress: string
  readonly toAddress: string
  /** The port that `from` dials at `to`. */
  readonly port: number
  /** The router's device that packets of `from` come in by. */
  readonly device: string
}

type CutHow = 'silent' | 'reset'

/** The detours of one direction. */
export class Detours {
  readonly #names: RunNames
  readonly #direction: Direction
  readonly #newNumber: () => number
  /** How many rules want this cut. */
  readonly #cuts: Record<CutHow, number> = { silent: 0, reset: 0 }
  /** Made at their first use and kept: their counters go on. */
  readonly #cutDevices = new Map<CutHow, Detour>()
  /** In the order in which packets pass them. */
  readonly #shapes: Detour[] = []
  /** Slots that have a rule in the router. */
  #slots: readonly string[] = []

  /** `newNumber` gives numbers that no other detour of the run has. */
  constructor(names: RunNames, direction: Direction, newNumber: () => number) {
    this.#names = names
    this.#direction = direction
    this.#newNumber = newNumber
  }

  /** The devices of both kinds of cuts: when both are wanted, either may be the one that works. */
  get cutDevices(): readonly string[] {
    return [...this.#cutDevices.values()].map(({ device }) => device)
  }

  async cut(how: CutHow): Promise<void> {
    if (!this.#cutDevices.has(how)) {
      const end = how === 'silent' ? this.#names.sink : this.#names.refuser
      this.#cutDevices.set(how, await this.#open(end))
    }
    this.#cuts[how]++
    await this.#route()
  }

  async uncut(how: CutHow): Promise<void> {
    this.#cuts[how] = Math.max(0, this.#cuts[how] - 1)
    await this.#route()
  }

  /** Lets packets pass a device with this discipline of `tc`; resolves with the device. */
  async shape(discipline: readonly string[]): Promise<string> {
    if (this.#shapes.length >= shapesMax) throw new Error('too many rules for one direction')
    const detour = await this.#open(this.#names.loop)
    const { device } = detour
    await run([
      'tc',
      '-n',
      this.#names.router,
      'qdisc',
      'add',
      'dev',
      device,
      'root',
      ...discipline,
    ])
    this.#shapes.push(detour)
    await this.#route()
    return device
  }

  async unshape(device: string): Promise<void> {
    const place = this.#shapes.findIndex((detour) => detour.device === device)
    if (place >= 0) this.#shapes.splice(place, 1)
    await this.#route()
    await ipBatch(this.#names.router, [`link delete ${device}`])
  }

  /** Puts the router's rules of this direction in place, all anew. */
  async #route(): Promise<void> {
    const { fromAddress, toAddress, device, port, from, to } = this.#direction
    const pair = `from ${fromAddress} to ${toAddress}`
    const wanted: string[] = []
    const silent = this.#cutDevices.get('silent')
    if (silent !== undefined && this.#cuts.silent > 0) {
      wanted.push(`iif ${device} ${pair} lookup ${silent.table}`)
    }
    const refusing = this.#cutDevices.get('reset')
    if (refusing !== undefined && this.#cuts.reset > 0) {
      wanted.push(`iif ${device} ${pair} ipproto tcp dport ${port} lookup ${refusing.table}`)
    }
    let comesBy = device
    for (const shape of this.#shapes) {
      wanted.push(`iif ${comesBy} ${pair} lookup ${shape.table}`)
      comesBy = shape.device
    }
    const first = 1 + (from * partiesMax + to) * slotsPerPair
    const slots = wanted.map((selector, i) => `pref ${first + i} ${selector}`)
    const old = this.#slots
    this.#slots = slots
    await ipBatch(this.#names.router, [
      ...old.map((slot) => `rule delete ${slot}`),
      ...slots.map((slot) => `rule add ${slot}`),
    ])
  }

  async #open(end: string): Promise<Detour> {
    const number = this.#newNumber()
    const device = `d${number}`
    const table = firstTable + number
    const { router, refuser, loop } = this.#names
    await ipBatch(router, [
      `link add ${device} address ${hardwareAddress} type veth` +
        ` peer name ${device} address ${hardwareAddress} netns ${end}`,
      `link set ${device} arp off up`,
    ])
    const back: string[] = []
    // One of several routes of this kind is as good as another: each leads back to the router.
    if (end === refuser)
      back.push(`route add default dev ${device} metric ${number} table ${refuserTable}`)
    if (end === loop) {
      back.push(`route add default dev ${device} table ${table}`)
      back.push(`rule add iif ${device} lookup ${table}`)
    }
    await ipBatch(end, [`link set ${device} arp off up`, ...back])
    await ipBatch(router, [`route add default dev ${device} table ${table}`])
    return { device, table }
  }
}

interface Detour {
  readonly device: string
  readonly table: number
}
