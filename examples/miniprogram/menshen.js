// The one Menshen of this mini program.
const { createMenshen } = require('menshen-miniprogram')
const config = require('./config')
const { offline } = require('./offline')

module.exports = createMenshen({
  baseUrl: config.baseUrl,
  app: config.app,
  services: config.pictures ? [config.pictures] : [],
  wx: config.sandbox ? offline(wx, config.sandbox) : wx,
})
