// A member's nickname, rendered as text.

/** Bidirectional control characters. They can make a name look like a different one. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Replaces bidirectional control characters by their code points, as in `[U+202E]`. */
export function escapeDirectionMarks(name: string): string {
  return name.replace(
    DIRECTION_MARKS,
    (mark) => `[U+${mark.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
  )
}

export function Nickname({ of }: { of: string }) {
  return <bdi class="nickname">{escapeDirectionMarks(of)}</bdi>
}
