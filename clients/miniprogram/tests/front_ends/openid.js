// app.js: gets the openid, and stores it for later requests.
App({
  globalData: { openid: '' },

  onLaunch() {
    wx.login({
      success: ({ code }) => {
        wx.request({
          url: `${BASE_URL}/openid`,
          method: 'POST',
          data: { code },
          success: (res) => {
            if (res.data.code !== 200) return wx.showToast({ title: res.data.msg, icon: 'none' })
            this.globalData.openid = res.data.data.openid
            wx.setStorageSync('openid', res.data.data.openid)
          },
        })
      },
    })
  },
})
