// Addresses of the services. The values are those of `cargo xtask dev` on this machine.
module.exports = {
  // URL of the service. Phones need https, and the domain registered as a request domain in the WeChat console.
  baseUrl: 'http://127.0.0.1:2020',
  // Name of this mini program in the service's configuration.
  app: 'main',
  // URL of the WeChat sandbox, which provides the login codes during development. In production: ''.
  sandbox: 'http://127.0.0.1:2021',
  // URL of your own service that stores pictures. It receives a file with the access token, and responds with
  // {"url":"https://…"}. If empty, a chosen avatar is shown but not stored.
  pictures: '',
}
