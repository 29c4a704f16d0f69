// For development only: `wx` whose login codes are those of alice at the offline WeChat.
function offline(wx, sandbox) {
  const login = ({ success, fail }) =>
    wx.request({
      url: `${sandbox}/_sandbox/codes/login`,
      method: 'POST',
      data: { user: 'alice' },
      success: ({ data }) => success({ code: data.code, errMsg: 'login:ok' }),
      fail,
    })
  return Object.create(wx, { login: { value: login } })
}

module.exports = { offline }
