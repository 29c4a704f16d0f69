// A member's picture, or the first character of the nickname.

import { useState } from 'preact/hooks'
import type { MemberData } from '../api'
import { escapeDirectionMarks } from './nickname'

export function Avatar({ profile, large = false }: { profile: MemberData; large?: boolean }) {
  const [failed, setFailed] = useState(false)
  const size = large ? 64 : 32
  const hasPicture = profile.avatar?.startsWith('https://') && !failed
  return hasPicture ? (
    <img
      class="avatar"
      src={profile.avatar!}
      alt=""
      width={size}
      height={size}
      loading="lazy"
      referrerpolicy="no-referrer"
      onError={() => setFailed(true)}
    />
  ) : (
    <span class={large ? 'avatar large' : 'avatar'} aria-hidden="true">
      {[...escapeDirectionMarks(profile.nickName)][0] ?? '·'}
    </span>
  )
}
