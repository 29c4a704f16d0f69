// What a member is called: their own choice, shown as text and nothing else.

/** What turns the direction of a text, and so could make it look like another one. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** The same with such characters named instead of obeyed. */
export function plain(name: string): string {
  return name.replace(
    TURNS,
    (turn) => `[U+${turn.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
  )
}

export function Nickname({ of }: { of: string }) {
  return <bdi class="nickname">{plain(of)}</bdi>
}
