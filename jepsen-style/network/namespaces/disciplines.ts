/** Effects as queueing disciplines of the kernel, and what of their figures proves them. */
import type { LinkEffect } from '../links.ts'
import type { DeviceFigures } from './kernel-json.ts'

/** All but cuts: they are made by routing. */
export type ShapeEffect = Exclude<LinkEffect, { readonly type: 'cut' }>

/** Packets that netem may hold: a second of more than such a cluster ever sends. */
const packetsMax = 100_000

/** What `tc qdisc add … root` is told. Throws for what no discipline does. */
export function disciplineOf(effect: ShapeEffect): readonly string[] {
  switch (effect.type) {
    case 'delay':
      return netem('delay', `${effect.ms}ms`, `${effect.jitterMs}ms`)
    case 'loss':
      return netem('loss', percent(effect.share))
    case 'duplicate':
      return netem('duplicate', percent(effect.share))
    case 'reorder':
      // netem delays all but the share that it reorders, which overtakes them.
      return netem('delay', '10ms', 'reorder', percent(effect.share))
    case 'bandwidth':
      return ['tbf', 'rate', `${effect.bytesPerSecond * 8}bit`, 'burst', '2kb', 'latency', '400ms']
    case 'corrupt':
      throw new Error('a damaged packet is dropped by its checksum: that is loss')
    default:
      return unknownEffect(effect)
  }
}

/**
 * Packets that it did something to. What is repeated or moved is counted by nobody, and under a
 * bandwidth every packet takes its time: there, those that went through are counted.
 */
export function affectedBy(effect: ShapeEffect['type'], figures: DeviceFigures): number {
  switch (effect) {
    case 'loss':
      return figures.drops
    case 'bandwidth':
    case 'delay':
    case 'duplicate':
    case 'reorder':
    case 'corrupt':
      return figures.packets
    default:
      return unknownEffect(effect)
  }
}

function netem(...settings: readonly string[]): readonly string[] {
  return ['netem', 'limit', String(packetsMax), ...settings]
}

function percent(share: number): string {
  return `${share * 100}%`
}

/** A new kind of effect fails to compile here. */
function unknownEffect(effect: never): never {
  throw new Error(`unknown effect ${String(effect)}`)
}
