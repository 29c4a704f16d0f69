/** What is to go wrong on the phone's side: for a while, or the next time only. */

/** `slow`: the network, until it is taken back; `lost`: the next answer; `expired`: the next login code. */
export type Trouble = 'slow' | 'lost' | 'expired'

class Troubles {
  private readonly ordered = new Set<Trouble>()
  private listener = () => {}

  onChange(listener: () => void): void {
    this.listener = listener
  }

  on(trouble: Trouble): boolean {
    return this.ordered.has(trouble)
  }

  toggle(trouble: Trouble): void {
    if (!this.ordered.delete(trouble)) this.ordered.add(trouble)
    this.listener()
  }

  /** Whether it was ordered; it strikes once. */
  take(trouble: Trouble): boolean {
    const struck = this.ordered.delete(trouble)
    if (struck) this.listener()
    return struck
  }

  clear(): void {
    this.ordered.clear()
    this.listener()
  }
}

export const trouble = new Troubles()
