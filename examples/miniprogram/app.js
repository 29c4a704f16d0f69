const menshen = require('./menshen')

App({
  onLaunch() {
    // Whenever nobody is logged in any more, and why.
    menshen.onSessionEnd((why) => {
      wx.reLaunch({ url: `/pages/login/login?why=${encodeURIComponent(why ? why.message : '')}` })
    })
  },
})
