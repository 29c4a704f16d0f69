// Legacy route: a GET request, and a response without an envelope.
wx.login({
  success(res) {
    if (!res.code) return console.log('登录失败！' + res.errMsg)
    wx.request({
      url: BASE_URL + '/external/code_2_wx_openid',
      data: { code: res.code },
      header: { 'content-type': 'application/json' },
      success(result) {
        wx.setStorageSync('openId', result.data.openId)
      },
    })
  },
})
