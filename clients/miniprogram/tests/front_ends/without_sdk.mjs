// services/member.js: the minimum that is correct, without this package.
const BASE = 'https://member.example.com'

// Returns a new login code. Each code works once, and for five minutes.
const loginCode = () => new Promise((resolve, reject) => wx.login({
  success: ({ code }) => code ? resolve(code) : reject(new Error('wx.login returned no code')),
  fail: reject,
}))

const send = (method, path, data, header = {}) => new Promise((resolve, reject) => wx.request({
  url: BASE + path,
  method,
  data,
  timeout: 5000,
  header,
  // wx.request calls success for every HTTP status. The body contains the status too.
  success: ({ data: body }) => body.code === 200 ? resolve(body.data) : reject(body),
  fail: reject,
}))

// `phoneCode` comes from the phone button. It is not the login code, and cannot replace it.
// The idempotency key identifies this login: if the response is lost, the same request returns it again.
export async function login(phoneCode) {
  const body = { code: await loginCode(), phoneCode }
  const header = { 'Idempotency-Key': [1, 2, 3].map(() => Math.random().toString(36).slice(2)).join('') }
  const post = () => send('POST', '/login', body, header)
  return save(await post().catch((error) => error.code < 500 ? Promise.reject(error) : post()))
}

const bearer = ({ token }) => ({ Authorization: `Bearer ${token}` })
const save = (session) => { wx.setStorageSync('session', session); return session }

// Single flight: concurrent requests with an expired token share one refresh. If the session has ended,
// a new login replaces it without user interaction.
let refreshing
const refresh = ({ refreshToken }) => refreshing ||= send('POST', '/token/refresh', { refreshToken })
  .then(save, (error) => error.code === 401 ? login() : Promise.reject(error))
  .finally(() => { refreshing = undefined })

export async function request(method, path, data) {
  const session = wx.getStorageSync('session') || await login()
  try {
    return await send(method, path, data, bearer(session))
  } catch (error) {
    // The page handles other errors by their `error` and `msg`.
    if (error.code !== 401) throw error
    return send(method, path, data, bearer(await refresh(session)))
  }
}
