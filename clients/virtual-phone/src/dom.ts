/** DOM helpers. Text is set as text nodes, so that user data never becomes HTML. */

export type Child = Node | string | false | null | undefined

type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>

/** Creates an element. Functions become listeners (`onclick`); `true` is an attribute without a value. */
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
  element.append(...nonEmpty(children))
  return element
}

/** Replaces the children of an element. The focus moves to the new element with the id of the old one. */
export function fill(parent: Element, ...children: Child[]): void {
  const focused = document.activeElement
  const id = focused && parent.contains(focused) ? focused.id : ''
  parent.replaceChildren(...nonEmpty(children))
  const successor = id ? document.getElementById(id) : null
  if (successor instanceof HTMLInputElement && focused instanceof HTMLInputElement) {
    successor.setSelectionRange(focused.selectionStart, focused.selectionEnd)
  }
  successor?.focus({ preventScroll: true })
}

/** Finds an element by id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found
}

function nonEmpty(children: Child[]): (Node | string)[] {
  return children.filter((child): child is Node | string => Boolean(child))
}
