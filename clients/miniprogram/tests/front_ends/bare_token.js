// utils/request.js: sends the token without the Bearer prefix, and opens the login page when it is refused.
const request = ({ url, method = 'GET', data = {} }) =>
  new Promise((resolve, reject) => {
    wx.request({
      url: BASE_URL + url,
      method,
      data,
      header: { authorization: wx.getStorageSync('token') },
      success: ({ data: body }) => {
        if (body.code === 200) return resolve(body.data)
        if (body.code === 401 && body.msg.includes('认证失败')) {
          wx.removeStorageSync('token')
          wx.navigateTo({ url: '/pages/login/login' })
        }
        reject(body)
      },
      fail: reject,
    })
  })

module.exports = { request }
