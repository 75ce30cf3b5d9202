/** For the `default` of an exhaustive switch: the compiler holds that nothing gets here. */
export function unreachable(value: never): never {
  throw new Error(`not a known case: ${JSON.stringify(value)}`)
}
