/** Faults of the phone and its network. */

/** `slow`: the network, until switched off; `lost`: the next response; `expired`: the next login code. */
export type Fault = 'slow' | 'lost' | 'expired'

class Faults {
  private readonly active = new Set<Fault>()
  private listener = () => {}

  onChange(listener: () => void): void {
    this.listener = listener
  }

  isActive(fault: Fault): boolean {
    return this.active.has(fault)
  }

  toggle(fault: Fault): void {
    if (!this.active.delete(fault)) this.active.add(fault)
    this.listener()
  }

  /** Removes a fault that applies once; returns true if it was active. */
  take(fault: Fault): boolean {
    const wasActive = this.active.delete(fault)
    if (wasActive) this.listener()
    return wasActive
  }

  clear(): void {
    this.active.clear()
    this.listener()
  }
}

export const faults = new Faults()
