// A phone number without its middle, until somebody asks for all of it.

import { useState } from 'preact/hooks'
import type { MemberData, PhoneData } from '../../api'
import { useTexts } from '../../language'
import { Ask } from '../../parts/ask'
import { call, path } from '../../server'
import { useSession } from '../../session'

export function Phone({ profile }: { profile: MemberData }) {
  const texts = useTexts()
  const { may } = useSession()
  const [asking, setAsking] = useState(false)
  const [whole, setWhole] = useState<{ of: string; phone: string }>()
  if (!profile.phone) return <span class="quiet">{texts.members.noPhone}</span>
  if (whole?.of === profile.phone) return <output class="whole">{whole.phone}</output>
  const act = async () => {
    const { phone } = await call<PhoneData>('POST', path`members/${profile.memberId}/phone`)
    setWhole({ of: profile.phone!, phone })
  }
  return (
    <>
      {profile.phone}{' '}
      {may('operator') && (
        <button type="button" class="plain" onClick={() => setAsking(true)}>
          {texts.member.unmask}
        </button>
      )}
      {asking && (
        <Ask title={texts.member.unmask} verb={texts.member.unmask} act={act} close={() => setAsking(false)}>
          <p>{texts.member.unmaskAbout}</p>
        </Ask>
      )}
    </>
  )
}
