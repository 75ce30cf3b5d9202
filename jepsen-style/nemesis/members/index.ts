/** What operators do with members and leadership. */
import type { Nemesis } from '../nemesis.ts'
import { growShrink } from './grow-shrink.ts'
import { replaceMember } from './replace-member.ts'
import { transfer } from './transfer.ts'

/** All of them. */
export const memberNemeses: readonly Nemesis[] = [transfer, growShrink, replaceMember]
