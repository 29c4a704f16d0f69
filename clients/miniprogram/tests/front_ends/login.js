// pages/login/login.js: sends the code of the phone button together with the code of wx.login.
Page({
  data: { nickName: '微信用户' },

  getPhoneNumber(e) {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    wx.login({
      success: (res) => {
        wx.request({
          url: BASE_URL + '/login',
          method: 'POST',
          data: {
            code: res.code,
            nickName: this.data.nickName,
            phoneCode: e.detail.code,
          },
          success: (res) => {
            if (res.data.code === 200) {
              wx.setStorageSync('token', res.data.data.token)
              wx.setStorageSync('nickName', res.data.data.nickName)
              wx.navigateBack()
            } else {
              wx.showToast({ title: res.data.msg, icon: 'none' })
            }
          },
        })
      },
    })
  },
})
