const menshen = require('../../menshen')
const { pictures } = require('../../config')

Page({
  data: { member: null, problem: '' },

  onShow() {
    if (!menshen.loggedIn) return wx.redirectTo({ url: '/pages/login/login' })
    return this.showMember(menshen.request({ url: '/me' }).then(({ data }) => data.data))
  },

  // The nickname is read when the form is submitted, since WeChat reviews it until then.
  rename({ detail }) {
    return this.showMember(this.updateMember({ nickName: detail.value.nickName }))
  },

  async changeAvatar({ detail }) {
    const filePath = detail.avatarUrl
    this.setData({ 'member.avatar': filePath })
    if (!pictures) return
    const upload = menshen.uploadFile({ url: pictures, filePath, name: 'file' })
    await this.showMember(upload.then(({ data }) => this.updateMember({ avatar: JSON.parse(data).url })))
  },

  bindPhone(event) {
    return this.showMember(menshen.bindPhone(event))
  },

  async logout() {
    // The session on this device has ended even if the service is unreachable. app.js opens the login page.
    await menshen.logout().catch(() => {})
  },

  erase() {
    wx.showModal({
      content: '注销后，您的全部会员数据将被删除，无法恢复。',
      success: ({ confirm }) => confirm && this.showMember(menshen.erase().then(() => null)),
    })
  },

  // Uses POST because wx.request does not support PATCH. The change is idempotent.
  updateMember(change) {
    const update = menshen.request({ url: '/me', method: 'POST', data: change, idempotent: true })
    return update.then(({ data }) => data.data)
  },

  /** Shows the member when the promise resolves, or its error. */
  async showMember(member) {
    try {
      this.setData({ member: await member, problem: '' })
    } catch (error) {
      if (error.id !== 'phone_declined') this.setData({ problem: error.message })
    }
  },
})
