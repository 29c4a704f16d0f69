// Where things are. As it stands, for `cargo xtask dev` on this machine.
module.exports = {
  // The service. On phones: https, and entered in the console as a request domain.
  baseUrl: 'http://127.0.0.1:2020',
  // This mini program's name in the service's configuration.
  app: 'main',
  // The offline WeChat, which knows the codes that the developer tools make up for nobody. In production: ''.
  sandbox: 'http://127.0.0.1:2021',
  // Your own service that keeps pictures: takes a file with a token, answers {"url":"https://…"}. Without
  // one, the picture is shown and not kept.
  pictures: '',
}
