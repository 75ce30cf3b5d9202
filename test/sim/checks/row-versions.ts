/** All rows at all revisions: for each key what was written under it, and when. */

/** What a key holds from a revision on; `value` undefined: there is no row. */
export interface Version {
  readonly revision: number
  readonly value: string | undefined
}

/** A row of a scan. */
export interface VersionedRow {
  readonly key: string
  readonly value: string
  readonly revision: number
}

const nothing: Version = { revision: 0, value: undefined }

/** Versions of all keys. Keys are ASCII: the order of their characters is that of their bytes. */
export class RowVersions {
  readonly #byKey = new Map<string, Version[]>()
  /** In order; undefined: a key is new. */
  #keys: readonly string[] | undefined

  /** The revision changed this key. */
  change(key: string, value: string | undefined, revision: number): void {
    const versions = this.#byKey.get(key)
    if (versions === undefined) {
      this.#byKey.set(key, [{ revision, value }])
      this.#keys = undefined
      return
    }
    // A delete of what is not there, within a batch that changed something else.
    if (value === undefined && versions.at(-1)?.value === undefined) return
    versions.push({ revision, value })
  }

  /** What the key holds at a revision. `revision` 0: it never held anything until then. */
  at(key: string, revision: number): Version {
    const versions = this.#byKey.get(key)
    if (versions === undefined) return nothing
    return versions[lastAt(versions, revision)] ?? nothing
  }

  /** The first revision, from `from` on, at which the key holds this; undefined: none. */
  next(key: string, value: string | undefined, from: number): number | undefined {
    const versions = this.#byKey.get(key) ?? []
    const now = lastAt(versions, from)
    if ((versions[now] ?? nothing).value === value) return from
    for (let i = now + 1; i < versions.length; i++) {
      if (versions[i]?.value === value) return versions[i]?.revision
    }
    return undefined
  }

  /** All rows under the prefix at a revision, in order. */
  all(prefix: string, revision: number): VersionedRow[] {
    this.#keys ??= [...this.#byKey.keys()].sort()
    const rows: VersionedRow[] = []
    for (const key of this.#keys) {
      if (!key.startsWith(prefix)) continue
      const version = this.at(key, revision)
      if (version.value !== undefined) {
        rows.push({ key, value: version.value, revision: version.revision })
      }
    }
    return rows
  }
}

/** The place of the newest version at or before a revision, -1 if there is none. */
function lastAt(versions: readonly Version[], revision: number): number {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((versions[middle]?.revision ?? 0) <= revision) low = middle + 1
    else high = middle
  }
  return low - 1
}
