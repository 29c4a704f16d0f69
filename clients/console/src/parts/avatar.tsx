// A member's picture, or the first letter of what they are called.

import { useState } from 'preact/hooks'
import type { MemberData } from '../api'
import { plain } from './nickname'

export function Avatar({ profile, large = false }: { profile: MemberData; large?: boolean }) {
  const [broken, setBroken] = useState(false)
  const size = large ? 64 : 32
  const shown = profile.avatar?.startsWith('https://') && !broken
  return shown ? (
    <img
      class="avatar"
      src={profile.avatar!}
      alt=""
      width={size}
      height={size}
      loading="lazy"
      referrerpolicy="no-referrer"
      onError={() => setBroken(true)}
    />
  ) : (
    <span class={large ? 'avatar large' : 'avatar'} aria-hidden="true">
      {[...plain(profile.nickName)][0] ?? '·'}
    </span>
  )
}
