// Returns a `wx` whose login codes are those of the sandbox user alice. For development only: the sandbox does not
// know the login codes of the WeChat developer tools.
function withSandboxLogin(wx, sandbox) {
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

module.exports = { withSandboxLogin }
