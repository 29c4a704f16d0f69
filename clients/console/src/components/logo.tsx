// Logo and name of the product.

import { useTexts } from '../language'

export function Logo() {
  const texts = useTexts()
  return (
    <span class="logo">
      <img src="/admin/icon.svg" alt="" width="28" height="28" />
      <strong>{texts.product}</strong>
      <span>{texts.console}</span>
    </span>
  )
}
