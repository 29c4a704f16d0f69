// services/member.js: the least that is right, without this package.
const BASE = 'https://member.example.com'

// A new code for every attempt: each works once, and for five minutes.
const freshCode = () => new Promise((resolve, reject) => wx.login({
  success: ({ code }) => code ? resolve(code) : reject(new Error('wx.login gave no code')),
  fail: reject,
}))

const send = (method, path, data, header = {}) => new Promise((resolve, reject) => wx.request({
  url: BASE + path,
  method,
  data,
  timeout: 5000,
  header,
  // Any HTTP status ends up in success: the body tells them apart.
  success: ({ data: answer }) => answer.code === 200 ? resolve(answer.data) : reject(answer),
  fail: reject,
}))

// `phoneCode` comes from the phone button. It is not the login code, and cannot replace it.
// The key names this attempt: when the answer is lost, the same request gets it once more.
export async function login(phoneCode) {
  const body = { code: await freshCode(), phoneCode }
  const header = { 'Idempotency-Key': [1, 2, 3].map(() => Math.random().toString(36).slice(2)).join('') }
  const attempt = () => send('POST', '/login', body, header)
  return keep(await attempt().catch((lost) => lost.code < 500 ? Promise.reject(lost) : attempt()))
}

const bearer = ({ token }) => ({ Authorization: `Bearer ${token}` })
const keep = (session) => { wx.setStorageSync('session', session); return session }

// One renewal at a time: whoever meets an old token meanwhile waits for the same one. Where the
// session has ended, logging in again asks the user nothing.
let renewal
const renew = ({ refreshToken }) => renewal ||= send('POST', '/token/refresh', { refreshToken })
  .then(keep, (answer) => answer.code === 401 ? login() : Promise.reject(answer))
  .finally(() => { renewal = undefined })

export async function request(method, path, data) {
  const session = wx.getStorageSync('session') || await login()
  try {
    return await send(method, path, data, bearer(session))
  } catch (answer) {
    // Other failures go to the page, with `error` and `msg`.
    if (answer.code !== 401) throw answer
    return send(method, path, data, bearer(await renew(session)))
  }
}
