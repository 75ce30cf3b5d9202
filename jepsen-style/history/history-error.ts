/** What is wrong with a history that cannot be judged, and where. */

/** A file, and a line of it. */
export interface Place {
  /** As its reader named it. */
  readonly file: string
  /** From 1, as editors count. */
  readonly line: number
}

/**
 * A history is no history: not JSON, a field that cannot be, a completion of nothing. It has the
 * code of a usage error of the store, because that is what it is to the one who gave it.
 */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
  readonly code = 'QUORATE_USAGE'
  readonly place: Place | undefined

  constructor(what: string, place?: Place) {
    super(place === undefined ? what : `${place.file}, line ${place.line}: ${what}`)
    this.place = place
  }
}
