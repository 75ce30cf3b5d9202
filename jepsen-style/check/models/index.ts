/** The models that are known by name, and which of them a history is about. */
import type { Operation } from '../../history/index.ts'
import type { Model } from '../model.ts'
import { casRegister } from './cas-register.ts'
import { kvAppend } from './kv-append.ts'
import { quorate } from './quorate.ts'

export { casRegister, kvAppend, quorate }

const models: readonly Model<unknown>[] = [casRegister, kvAppend, quorate]

/** The names of the models that come with the checker. */
export function modelNames(): readonly string[] {
  return models.map(({ name }) => name)
}

/** The model of this name; undefined: there is none. */
export function modelOf(name: string): Model<unknown> | undefined {
  return models.find((model) => model.name === name)
}

/**
 * The model whose calls these are; undefined: of none. Appends are so by their names. What else has
 * revisions, or deletes, is of the store; a plain register with neither is a `cas-register`.
 */
export function guessModel(operations: readonly Operation[]): Model<unknown> | undefined {
  const fits = (model: Model<unknown>): boolean =>
    operations.every((operation) => model.refuse(operation) === undefined)
  const ofStore = operations.some(({ f, revision }) => revision !== undefined || f === 'delete')
  return [...(ofStore ? [] : [casRegister]), kvAppend, quorate].find(fits)
}
