// menshen-miniprogram, built by `npm run build` from clients/miniprogram/src.
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// src/index.ts
var index_exports = {};
__export(index_exports, {
  MenshenError: () => MenshenError,
  createMenshen: () => createMenshen
});
module.exports = __toCommonJS(index_exports);

// src/error.ts
var MESSAGES = {
  no_answer: "网络不给力，请稍后再试",
  no_login_code: "微信登录失败，请稍后再试",
  phone_declined: "未获得手机号授权",
  unauthenticated: "请先登录",
  unexpected_answer: "服务暂时不可用，请稍后再试"
};
var MenshenError = class extends Error {
  constructor(id, details = {}) {
    var _a, _b;
    super((_a = details.message) != null ? _a : MESSAGES[id]);
    this.name = "MenshenError";
    this.id = id;
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
    this.fields = details.fields;
    this.conflict = details.conflict;
    this.errMsg = (_b = details.errMsg) != null ? _b : this.message;
  }
};

// src/exchange.ts
var GATEWAY = [502, 503, 504];
function promised(call) {
  return new Promise((resolve, reject) => call({ success: resolve, fail: reject }));
}
async function exchange(call) {
  const answer = await promised(call).catch(({ errMsg }) => {
    throw new MenshenError("no_answer", { errMsg });
  });
  if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
  throw failure(answer);
}
function failure(answer) {
  const { statusCode: status, header = {} } = answer;
  const body = parsed(answer.data);
  const retryAfter = seconds(header);
  if ((body == null ? void 0 : body.error) && body.msg) {
    const { requestId, fields, conflict } = body;
    return new MenshenError(body.error, {
      message: body.msg,
      status,
      requestId,
      retryAfter,
      fields,
      conflict
    });
  }
  return new MenshenError(GATEWAY.includes(status) ? "no_answer" : "unexpected_answer", {
    status,
    retryAfter
  });
}
function parsed(data) {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch (e) {
    return null;
  }
}
function seconds(header) {
  const name = Object.keys(header).find((name2) => name2.toLowerCase() === "retry-after");
  const value = name === void 0 ? NaN : Number(header[name]);
  return value >= 0 ? value : void 0;
}

// src/idempotency_key.ts
var LENGTH = 16;
async function idempotencyKey(wx2) {
  const bytes = await randomBytes(wx2);
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}
async function randomBytes(wx2) {
  if (wx2.getRandomValues) {
    const strong = promised(
      (callbacks) => wx2.getRandomValues({ length: LENGTH, ...callbacks })
    );
    const drawn = await strong.catch(() => void 0);
    if (drawn) return new Uint8Array(drawn.randomValues);
  }
  return Uint8Array.from({ length: LENGTH }, () => Math.floor(Math.random() * 256));
}

// src/server.ts
var TIMEOUT = 5e3;
var Server = class {
  constructor(wx2, baseUrl, services) {
    this.wx = wx2;
    const [base, ...others] = [baseUrl, ...services].map((url) => url.replace(/\/+$/, ""));
    this.base = base;
    this.trusted = [base, ...others];
  }
  /** The full address of a path of the service, or of one of the others; no token goes anywhere else. */
  address(url) {
    if (/^\/(?!\/)/.test(url)) return this.base + url;
    const isTrusted = this.trusted.some(
      (base) => url.startsWith(base) && /^([/?#]|$)/.test(url.slice(base.length))
    );
    if (isTrusted) return url;
    throw new TypeError(`${url} is no path and not under baseUrl or services: the token would be given away`);
  }
  /** Asks for `url` with the token, if there is one. */
  send(options, token) {
    const [url, header] = [this.address(options.url), bearing(options.header, token)];
    return exchange(
      (callbacks) => this.wx.request({ timeout: TIMEOUT, ...options, url, header, ...callbacks })
    );
  }
  /** Posts to a route of the service, and answers with the envelope's content. */
  async post(path, data, header, token) {
    var _a;
    const answer = await this.send(
      { url: path, method: "POST", data, header },
      token
    );
    const content = (_a = answer.data) == null ? void 0 : _a.data;
    if (!content) throw new MenshenError("unexpected_answer", { status: answer.statusCode });
    return content;
  }
};
function bearing(header, token) {
  return token === void 0 ? { ...header } : { ...header, Authorization: `Bearer ${token}` };
}

// src/entrance.ts
var PASSING = ["no_login_code", "rate_limited", "provider_unavailable"];
var CODE_REFUSED = ["login_code_invalid", "login_code_used"];
var Entrance = class {
  constructor(wx2, server, persist, session, app) {
    this.wx = wx2;
    this.server = server;
    this.persist = persist;
    this.session = session;
    this.app = app;
  }
  /** The login under way, if any. */
  get underWay() {
    var _a;
    return (_a = this.entering) == null ? void 0 : _a.login;
  }
  /** Logs in, with a phone code if there is one. Who comes meanwhile and brings no other shares the login. */
  enter(phoneCode2, options = {}) {
    var _a;
    const before = this.entering;
    if (before && (phoneCode2 === void 0 || phoneCode2 === before.phoneCode)) return before.login;
    const login = ((_a = before == null ? void 0 : before.login) != null ? _a : Promise.resolve()).catch(() => {
    }).then(() => this.logIn(phoneCode2, options));
    const entering = { phoneCode: phoneCode2, login };
    this.entering = entering;
    const leave = () => {
      if (this.entering === entering) this.entering = void 0;
    };
    login.then(leave, leave);
    return login;
  }
  async logIn(phoneCode2, options) {
    let resumed = this.resumed(phoneCode2, options);
    let refusals = 0;
    const enter = async () => {
      const attempt = resumed != null ? resumed : await this.attempt(phoneCode2, options);
      resumed = void 0;
      return this.carryOut(attempt);
    };
    const isMended = (id) => PASSING.includes(id) || CODE_REFUSED.includes(id) && ++refusals === 1;
    const data = await this.persist(enter, ({ id }) => isMended(id));
    this.session.keep(data);
    return data;
  }
  /** Sends an attempt until it is answered: with the same code under the same key. */
  carryOut(attempt) {
    const send = () => this.server.post("/login", attempt.body, { "Idempotency-Key": attempt.key });
    return this.persist(send, ({ id }) => {
      if (id === "conflict") this.undecided = attempt;
      return id === "no_answer";
    });
  }
  async attempt(phoneCode2, options) {
    const { nickName, onConflict } = options;
    const [code, key] = await Promise.all([this.loginCode(), idempotencyKey(this.wx)]);
    return { body: { code, phoneCode: phoneCode2, app: this.app, nickName, onConflict }, key };
  }
  /** The attempt that met a conflict, now with what the user decided. */
  resumed(phoneCode2, { onConflict }) {
    const attempt = this.undecided;
    this.undecided = void 0;
    if (!attempt || !onConflict || attempt.body.phoneCode !== phoneCode2) return void 0;
    return { ...attempt, body: { ...attempt.body, onConflict } };
  }
  async loginCode() {
    const { code } = await promised(
      (callbacks) => this.wx.login({ timeout: TIMEOUT, ...callbacks })
    ).catch(({ errMsg }) => {
      throw new MenshenError("no_login_code", { errMsg });
    });
    if (!code) throw new MenshenError("no_login_code");
    return code;
  }
};

// src/exit.ts
var Exit = class {
  constructor(server, persist, session, entrance, renewal) {
    this.server = server;
    this.persist = persist;
    this.session = session;
    this.entrance = entrance;
    this.renewal = renewal;
  }
  /** Ends the session here at once, and then at the service. */
  async logOut() {
    var _a;
    await ((_a = this.entrance.underWay) == null ? void 0 : _a.catch(() => {
    }));
    const held = this.session.current;
    if (!held) return;
    this.session.end(held);
    const logOut = (token) => this.persist(
      () => this.server.post("/logout", {}, {}, token),
      ({ id }) => id === "no_answer"
    );
    try {
      await logOut(held.token).catch(async (error) => {
        const renewed = error.id === "token_expired" && await this.renewal.refresh(held);
        if (!renewed) throw error;
        await logOut(renewed.token);
      });
    } catch (thrown) {
      const error = thrown;
      if (error.status !== 401 && error.status !== 403) throw error;
    }
  }
  /** Asks for what ends all sessions of the member, and ends the one here when it is done. */
  async endAll(method, url) {
    let sessions = 0;
    await this.renewal.authorized((token) => {
      sessions += 1;
      return this.persist(
        () => this.server.send({ method, url }, token),
        ({ id }) => id === "no_answer"
      ).catch((error) => {
        if (sessions < 2 || error.id !== "session_revoked") throw error;
      });
    });
    this.session.end(this.session.current);
  }
};

// src/persist.ts
var TRIES = 5;
var PATIENCE = 10;
var FIRST_WAIT = 0.3;
function persistence(wx2) {
  const foreground = watchForeground(wx2);
  return async (attempt, isPassing) => {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (thrown) {
        const error = thrown;
        const { retryAfter = 0 } = error;
        if (!isPassing(error) || tries === TRIES || retryAfter > PATIENCE) throw error;
        const wait = FIRST_WAIT * 2 ** (tries - 1) * (0.75 + Math.random() / 2);
        await pause(Math.max(wait, retryAfter));
        await foreground();
      }
    }
  };
}
function pause(seconds2) {
  return new Promise((resolve) => setTimeout(resolve, seconds2 * 1e3));
}
function watchForeground(wx2) {
  var _a, _b;
  let here = Promise.resolve();
  let shown = () => {
  };
  (_a = wx2.onAppHide) == null ? void 0 : _a.call(wx2, () => {
    here = new Promise((resolve) => shown = resolve);
  });
  (_b = wx2.onAppShow) == null ? void 0 : _b.call(wx2, () => shown());
  return () => here;
}

// src/renewal.ts
var Renewal = class {
  constructor(server, persist, session, entrance) {
    this.server = server;
    this.persist = persist;
    this.session = session;
    this.entrance = entrance;
    this.refreshed = async (refused) => {
      const isOver = refused === this.session.current && !await this.refresh(refused);
      return isOver ? this.loggedInAnew(refused) : { session: await this.present(), next: this.loggedInAnew };
    };
    this.loggedInAnew = async (refused) => {
      if (refused === this.session.current) {
        await this.entrance.enter().catch((error) => {
          if (isFinal(error)) this.session.end(refused, error);
          throw error;
        });
      }
      return { session: await this.present() };
    };
  }
  /**
   * Sends with the token in force. When it is refused, sends once more after a refresh, and once more
   * after a new login, which asks the user nothing.
   */
  async authorized(send) {
    let session = await this.present();
    let next = this.refreshed;
    for (; ; ) {
      try {
        return await send(session.token);
      } catch (thrown) {
        const error = thrown;
        if (error.id === "member_banned") this.session.end(session, error);
        const isHopeless = next === this.loggedInAnew && error.id === "unexpected_answer";
        if (error.status !== 401 || !next || isHopeless) throw error;
        const renewed = await next(session);
        session = renewed.session;
        next = renewed.next;
      }
    }
  }
  /** Exchanges the session's tokens for new ones; nothing if the session is over. */
  refresh(session) {
    var _a;
    if (((_a = this.refreshing) == null ? void 0 : _a.session) === session) return this.refreshing.refreshed;
    const refreshed = this.exchange(session);
    const refreshing = { session, refreshed };
    this.refreshing = refreshing;
    const done = () => {
      if (this.refreshing === refreshing) this.refreshing = void 0;
    };
    refreshed.then(done, done);
    return refreshed;
  }
  /** The session in force, or the one that a login under way is about to bring. */
  async present() {
    var _a;
    await ((_a = this.entrance.underWay) == null ? void 0 : _a.catch((error) => {
      if (!this.session.current) throw error;
    }));
    if (!this.session.current) throw new MenshenError("unauthenticated");
    return this.session.current;
  }
  async exchange(session) {
    const { refreshToken } = session;
    const refresh = () => this.server.post("/token/refresh", { refreshToken });
    const isPassing = ({ id }) => id === "no_answer" || id === "rate_limited";
    try {
      const tokens = await this.persist(refresh, isPassing);
      return session === this.session.current ? this.session.keep(tokens) : tokens;
    } catch (thrown) {
      const error = thrown;
      if (error.status === 401) return void 0;
      if (error.id === "member_banned") this.session.end(session, error);
      throw error;
    }
  }
};
function isFinal({ status = 0 }) {
  return status >= 400 && status < 500 && status !== 429;
}

// src/session.ts
var SessionKeeper = class {
  constructor(wx2, key) {
    this.wx = wx2;
    this.key = key;
    this.listeners = /* @__PURE__ */ new Set();
    this.held = wx2.getStorageSync(key) || void 0;
  }
  /** The session in force, always the same object until it is replaced. */
  get current() {
    return this.held;
  }
  keep({ token, refreshToken }) {
    const session = { token, refreshToken };
    this.held = session;
    try {
      this.wx.setStorageSync(this.key, session);
    } catch (e) {
    }
    return session;
  }
  /** Ends `session` here, unless another has taken its place. */
  end(session, why) {
    if (!session || session !== this.held) return;
    this.held = void 0;
    this.wx.removeStorageSync(this.key);
    this.listeners.forEach((listener) => listener(why));
  }
  /** Has `listener` hear of the end of sessions, until the function that it returns is called. */
  onEnd(listener) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
};

// src/menshen.ts
var IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];
var ENDINGS = [
  ["POST", "/logout", "logout()"],
  ["POST", "/logout/all", "logout({ everywhere: true })"],
  ["DELETE", "/me", "erase()"]
];
function createMenshen(options) {
  const { baseUrl, app, services = [], storageKey = "menshen", wx: platform = wx } = options;
  const session = new SessionKeeper(platform, storageKey);
  const server = new Server(platform, baseUrl, services);
  const persist = persistence(platform);
  const entrance = new Entrance(platform, server, persist, session, app);
  const renewal = new Renewal(server, persist, session, entrance);
  const exit = new Exit(server, persist, session, entrance, renewal);
  async function login(options2) {
    return member(await entrance.enter(void 0, options2));
  }
  async function loginWithPhone(event, options2) {
    return member(await entrance.enter(phoneCode(event), options2));
  }
  async function bindPhone(event) {
    const data = { phoneCode: phoneCode(event) };
    const { data: envelope } = await request({
      url: "/me/phone",
      method: "PUT",
      data,
      idempotent: false
    });
    return envelope.data;
  }
  function request(options2) {
    const { success, fail, complete, ...rest } = options2;
    const outcome = send(rest);
    if (success || fail || complete) {
      outcome.then(
        (answer) => [success, complete].forEach((callback) => callback == null ? void 0 : callback(answer)),
        (error) => [fail, complete].forEach((callback) => callback == null ? void 0 : callback(error))
      );
    }
    return outcome;
  }
  async function send({
    idempotent,
    ...options2
  }) {
    const { method = "GET" } = options2;
    const url = server.address(options2.url);
    const ending = ENDINGS.find(([last, path]) => last === method && server.address(path) === url);
    if (ending) throw new TypeError(`${method} ${options2.url} leaves no session: call ${ending[2]}`);
    const repeatable = idempotent != null ? idempotent : IDEMPOTENT.includes(method);
    return renewal.authorized(
      (token) => persist(() => server.send(options2, token), passing(repeatable))
    );
  }
  async function uploadFile(options2) {
    const url = server.address(options2.url);
    const upload = (token) => exchange(
      (callbacks) => platform.uploadFile({ ...options2, url, header: bearing(options2.header, token), ...callbacks })
    );
    return renewal.authorized((token) => persist(() => upload(token), passing(false)));
  }
  function logout({ everywhere = false } = {}) {
    return everywhere ? exit.endAll("POST", "/logout/all") : exit.logOut();
  }
  return {
    get loggedIn() {
      return session.current !== void 0;
    },
    login,
    loginWithPhone,
    bindPhone,
    request,
    uploadFile,
    logout,
    erase: () => exit.endAll("DELETE", "/me"),
    onSessionEnd: (listener) => session.onEnd(listener)
  };
}
function phoneCode({ detail }) {
  if (!detail.code) throw new MenshenError("phone_declined", { errMsg: detail.errMsg });
  return detail.code;
}
function member({ memberId, nickName, isNew, merged }) {
  return merged ? { memberId, nickName, isNew, merged } : { memberId, nickName, isNew };
}
function passing(repeatable) {
  return ({ id }) => id === "rate_limited" || repeatable && id === "no_answer";
}
