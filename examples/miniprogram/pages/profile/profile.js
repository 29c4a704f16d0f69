const menshen = require('../../menshen')
const { pictures } = require('../../config')

Page({
  data: { member: null, problem: '' },

  onShow() {
    if (!menshen.loggedIn) return wx.redirectTo({ url: '/pages/login/login' })
    return this.shows(menshen.request({ url: '/me' }).then(({ data }) => data.data))
  },

  // The chosen name is checked by WeChat until the form is submitted, so it is read only then.
  rename({ detail }) {
    return this.shows(this.changed({ nickName: detail.value.nickName }))
  },

  async avatarChosen({ detail }) {
    const filePath = detail.avatarUrl
    this.setData({ 'member.avatar': filePath })
    if (!pictures) return
    const uploaded = menshen.uploadFile({ url: pictures, filePath, name: 'file' })
    await this.shows(uploaded.then(({ data }) => this.changed({ avatar: JSON.parse(data).url })))
  },

  bindPhone(event) {
    return this.shows(menshen.bindPhone(event))
  },

  async logout() {
    // The session is over here even if the service could not be told; app.js shows the login page.
    await menshen.logout().catch(() => {})
  },

  erase() {
    wx.showModal({
      content: '注销后，您的全部会员数据将被删除，无法恢复。',
      success: ({ confirm }) => confirm && this.shows(menshen.erase().then(() => null)),
    })
  },

  // POST, for wx.request knows no PATCH. To change the same twice does no harm.
  changed(change) {
    const changed = menshen.request({ url: '/me', method: 'POST', data: change, idempotent: true })
    return changed.then(({ data }) => data.data)
  },

  /** Shows the member as they are then, or what went wrong. */
  async shows(member) {
    try {
      this.setData({ member: await member, problem: '' })
    } catch (error) {
      if (error.id !== 'phone_declined') this.setData({ problem: error.message })
    }
  },
})
