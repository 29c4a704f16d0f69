const menshen = require('./menshen')

App({
  onLaunch() {
    // Opens the login page when the session ends, with the reason.
    menshen.onSessionEnd((why) => {
      wx.reLaunch({ url: `/pages/login/login?why=${encodeURIComponent(why ? why.message : '')}` })
    })
  },
})
