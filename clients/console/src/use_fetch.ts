// Hooks that fetch data and hold its loading state.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

/** State of a fetch. Neither `data` nor `error` is present while the first request is in progress. */
export interface FetchState<T> {
  data?: T
  error?: unknown
  /** Fetches again. The current data stays until the response arrives. */
  reload: () => Promise<void>
}

/** Fetches on mount and whenever `deps` change. Outdated responses are dropped. */
export function useFetch<T>(fetch: () => Promise<T>, deps: unknown[] = []): FetchState<T> {
  const [state, setState] = useState<{ data?: T; error?: unknown }>({})
  const latest = useRef(0)
  const reload = useCallback(async () => {
    const request = ++latest.current
    const outcome = await fetch().then(
      (data) => ({ data }),
      (error: unknown) => ({ error }),
    )
    if (request === latest.current) setState(outcome)
  }, deps)
  useEffect(() => {
    setState({})
    void reload()
    return () => void latest.current++
  }, [reload])
  return { ...state, reload }
}

/** State of a list that is fetched page by page, newest items first. */
export interface PaginatedState<T> extends FetchState<T[]> {
  /** True if there may be another page. */
  hasMore: boolean
  /** Fetches the next page. */
  loadMore: () => Promise<void>
}

/** Number of items in one page. */
export const PAGE_SIZE = 50

/** Fetches pages. `last` is the last item of the previous page, absent for the first page. */
export function usePaginatedFetch<T>(
  fetch: (last?: T) => Promise<T[]>,
  deps: unknown[] = [],
): PaginatedState<T> {
  const first = useFetch(() => fetch(), deps)
  const [stored, setStored] = useState<{ of?: T[]; items: T[]; ended: boolean }>({ items: [], ended: false })
  const further = stored.of === first.data ? stored : { items: [], ended: false }
  const data = first.data && [...first.data, ...further.items]
  const loadMore = async () => {
    const page = await fetch(data?.at(-1))
    setStored({ of: first.data, items: [...further.items, ...page], ended: page.length < PAGE_SIZE })
  }
  const hasMore = (first.data?.length ?? 0) >= PAGE_SIZE && !further.ended
  return { data, error: first.error, reload: first.reload, hasMore, loadMore }
}
