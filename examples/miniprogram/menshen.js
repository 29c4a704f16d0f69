// Menshen client of this mini program.
const { createMenshen } = require('menshen-miniprogram')
const config = require('./config')
const { withSandboxLogin } = require('./sandbox_login')

module.exports = createMenshen({
  baseUrl: config.baseUrl,
  app: config.app,
  services: config.pictures ? [config.pictures] : [],
  wx: config.sandbox ? withSandboxLogin(wx, config.sandbox) : wx,
})
