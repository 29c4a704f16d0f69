const menshen = require('../../menshen')

/** Shows a dialog, and returns true if the user confirms it. */
const confirm = (content, confirmText, cancelText) =>
  new Promise((resolve) => {
    wx.showModal({ content, confirmText, cancelText, success: ({ confirm }) => resolve(confirm) })
  })

Page({
  data: { contract: '', problem: '', busy: false },

  onLoad({ why = '' }) {
    this.setData({ problem: decodeURIComponent(why) })
    // WeChat requires consent to the privacy policy before the phone button works.
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
    return this.logIn((options) => menshen.loginWithPhone(event, options))
  },

  withoutPhone() {
    return this.logIn((options) => menshen.login(options))
  },

  async logIn(login) {
    this.setData({ problem: '', busy: true })
    try {
      const { nickName, isNew } = await this.resolveConflict(login)
      wx.showToast({ title: isNew ? `欢迎，${nickName}` : `欢迎回来，${nickName}` })
      wx.reLaunch({ url: '/pages/profile/profile' })
    } catch (error) {
      // Declining to share the phone number is not an error.
      if (error.id !== 'phone_declined') this.setData({ problem: error.message })
    } finally {
      this.setData({ busy: false })
    }
  },

  /** Logs in. After a conflict, asks the user for a decision and logs in with it. */
  async resolveConflict(login) {
    try {
      return await login()
    } catch (error) {
      const choices = error.conflict ? error.conflict.choices : []
      if (choices.includes('merge')) {
        return login({
          onConflict: (await confirm(error.message, '合并', '分别保留')) ? 'merge' : 'separate',
        })
      }
      if (choices.includes('without_phone') && (await confirm(error.message, '不用手机号', '换个号码'))) {
        return menshen.login()
      }
      throw error
    }
  },
})
