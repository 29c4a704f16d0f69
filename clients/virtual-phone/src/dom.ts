/** Elements, made in one expression. Texts are set as texts: nothing that anybody is called becomes HTML. */

export type Child = Node | string | false | null | undefined

type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>

/** An element; `onclick` and the like are listeners, `true` is an attribute without a value. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value))
  }
  element.append(...present(children))
  return element
}

/** Replaces what is in `parent`; whoever had the focus keeps it, if they are there again by their id. */
export function fill(parent: Element, ...children: Child[]): void {
  const focused = document.activeElement
  const id = focused && parent.contains(focused) ? focused.id : ''
  parent.replaceChildren(...present(children))
  const again = id ? document.getElementById(id) : null
  if (again instanceof HTMLInputElement && focused instanceof HTMLInputElement) {
    again.setSelectionRange(focused.selectionStart, focused.selectionEnd)
  }
  again?.focus({ preventScroll: true })
}

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found
}

function present(children: Child[]): (Node | string)[] {
  return children.filter((child): child is Node | string => Boolean(child))
}
