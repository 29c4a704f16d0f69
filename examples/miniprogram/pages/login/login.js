const menshen = require('../../menshen')

/** Asks the user, and tells whether they said yes. */
const confirmed = (content, confirmText, cancelText) =>
  new Promise((resolve) => {
    wx.showModal({ content, confirmText, cancelText, success: ({ confirm }) => resolve(confirm) })
  })

Page({
  data: { contract: '', problem: '', busy: false },

  onLoad({ why = '' }) {
    this.setData({ problem: decodeURIComponent(why) })
    // What WeChat wants agreed to before it gives a phone number.
    if (!wx.getPrivacySetting) return
    wx.getPrivacySetting({
      success: ({ needAuthorization, privacyContractName }) => {
        if (needAuthorization) this.setData({ contract: privacyContractName })
      },
    })
  },

  readContract() {
    wx.openPrivacyContract()
  },

  agree() {
    this.setData({ contract: '' })
  },

  withPhone(event) {
    return this.enter((options) => menshen.loginWithPhone(event, options))
  },

  withoutPhone() {
    return this.enter((options) => menshen.login(options))
  },

  async enter(login) {
    this.setData({ problem: '', busy: true })
    try {
      const { nickName, isNew } = await this.decided(login)
      wx.showToast({ title: isNew ? `欢迎，${nickName}` : `欢迎回来，${nickName}` })
      wx.reLaunch({ url: '/pages/profile/profile' })
    } catch (error) {
      // Who keeps their number to themselves has done nothing wrong.
      if (error.id !== 'phone_declined') this.setData({ problem: error.message })
    } finally {
      this.setData({ busy: false })
    }
  },

  /** Logs in, and where the service has a question for the user, once more with the answer. */
  async decided(login) {
    try {
      return await login()
    } catch (error) {
      const choices = error.conflict ? error.conflict.choices : []
      if (choices.includes('merge')) {
        return login({
          onConflict: (await confirmed(error.message, '合并', '分别保留')) ? 'merge' : 'separate',
        })
      }
      if (choices.includes('without_phone') && (await confirmed(error.message, '不用手机号', '换个号码'))) {
        return menshen.login()
      }
      throw error
    }
  },
})
