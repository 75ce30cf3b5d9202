/** A place to wait until something may have changed. Whoever wakes up looks again for himself. */
export class Wakeup {
  #waiting: (() => void)[] = []

  /** Resolves at the next `wake`. At most one waiter per loop that owns it, so nothing piles up. */
  async wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  wake(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
