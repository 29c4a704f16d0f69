// What pages fetch, and what they wait for.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

/** Something that is fetched: there, not yet there, or refused. */
export interface Fetched<T> {
  data?: T
  failure?: unknown
  /** Fetches it anew; what is there stays until then. */
  again: () => Promise<void>
}

/** Fetches something, and anew when `about` changes. An answer that comes too late is dropped. */
export function useFetched<T>(fetch: () => Promise<T>, about: unknown[] = []): Fetched<T> {
  const [state, setState] = useState<{ data?: T; failure?: unknown }>({})
  const turn = useRef(0)
  const again = useCallback(async () => {
    const mine = ++turn.current
    const outcome = await fetch().then(
      (data) => ({ data }),
      (failure: unknown) => ({ failure }),
    )
    if (mine === turn.current) setState(outcome)
  }, about)
  useEffect(() => {
    setState({})
    void again()
    return () => void turn.current++
  }, [again])
  return { ...state, again }
}

/** Something that is told page by page, the latest first. */
export interface Paged<T> extends Fetched<T[]> {
  /** Whether there may be more. */
  more: boolean
  /** Fetches the next page. */
  older: () => Promise<void>
}

/** How many are fetched at once. */
export const PAGE = 50

/** Fetches pages; `last` is the last one of those before, if there are any. */
export function usePages<T>(fetch: (last?: T) => Promise<T[]>, about: unknown[] = []): Paged<T> {
  const first = useFetched(() => fetch(), about)
  const [rest, setRest] = useState<{ of?: T[]; items: T[]; ended: boolean }>({ items: [], ended: false })
  const mine = rest.of === first.data ? rest : { items: [], ended: false }
  const data = first.data && [...first.data, ...mine.items]
  const older = async () => {
    const page = await fetch(data?.at(-1))
    setRest({ of: first.data, items: [...mine.items, ...page], ended: page.length < PAGE })
  }
  const more = (first.data?.length ?? 0) >= PAGE && !mine.ended
  return { data, failure: first.failure, again: first.again, more, older }
}
