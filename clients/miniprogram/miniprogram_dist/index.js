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

// src/http.ts
var GATEWAY_STATUSES = [502, 503, 504];
function promisify(call) {
  return new Promise((resolve, reject) => call({ success: resolve, fail: reject }));
}
async function sendHttp(call) {
  const response = await promisify(call).catch(({ errMsg }) => {
    throw new MenshenError("no_answer", { errMsg });
  });
  if (response.statusCode >= 200 && response.statusCode < 300) return response;
  throw toError(response);
}
function withBearer(header, token) {
  return token === void 0 ? { ...header } : { ...header, Authorization: `Bearer ${token}` };
}
function toError(response) {
  const { statusCode: status, header = {} } = response;
  const body = parseBody(response.data);
  const retryAfter = parseRetryAfter(header);
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
  return new MenshenError(GATEWAY_STATUSES.includes(status) ? "no_answer" : "unexpected_answer", {
    status,
    retryAfter
  });
}
function parseBody(data) {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch (e) {
    return null;
  }
}
function parseRetryAfter(header) {
  const name = Object.keys(header).find((name2) => name2.toLowerCase() === "retry-after");
  const value = name === void 0 ? NaN : Number(header[name]);
  return value >= 0 ? value : void 0;
}

// src/api_client.ts
var TIMEOUT_MS = 5e3;
var ApiClient = class {
  constructor(wx2, baseUrl, services) {
    this.wx = wx2;
    const [base, ...others] = [baseUrl, ...services].map((url) => url.replace(/\/+$/, ""));
    this.baseUrl = base;
    this.trustedUrls = [base, ...others];
  }
  /** Resolves a path of the service. Refuses URLs outside of the service and the further services. */
  resolve(url) {
    if (/^\/(?!\/)/.test(url)) return this.baseUrl + url;
    const isTrusted = this.trustedUrls.some(
      (base) => url.startsWith(base) && /^([/?#]|$)/.test(url.slice(base.length))
    );
    if (isTrusted) return url;
    throw new TypeError(
      `${url} is not a path and not under baseUrl or services: the access token must not be sent there`
    );
  }
  /** Sends a request, with the access token if there is one. */
  send(options, token) {
    const url = this.resolve(options.url);
    const header = withBearer(options.header, token);
    return sendHttp(
      (callbacks) => this.wx.request({
        timeout: TIMEOUT_MS,
        ...options,
        url,
        header,
        ...callbacks
      })
    );
  }
  /** Posts to a route of the service, and returns the content of the envelope. */
  async post(path, data, header, token) {
    var _a;
    const response = await this.send(
      { url: path, method: "POST", data, header },
      token
    );
    const content = (_a = response.data) == null ? void 0 : _a.data;
    if (!content) throw new MenshenError("unexpected_answer", { status: response.statusCode });
    return content;
  }
};

// src/idempotency_key.ts
var KEY_BYTES = 16;
async function createIdempotencyKey(wx2) {
  const bytes = await randomBytes(wx2);
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}
async function randomBytes(wx2) {
  if (wx2.getRandomValues) {
    const result = await promisify(
      (callbacks) => wx2.getRandomValues({ length: KEY_BYTES, ...callbacks })
    ).catch(() => void 0);
    if (result) return new Uint8Array(result.randomValues);
  }
  return Uint8Array.from({ length: KEY_BYTES }, () => Math.floor(Math.random() * 256));
}

// src/login.ts
var TRANSIENT_ERRORS = [
  "no_login_code",
  "rate_limited",
  "provider_unavailable",
  "service_unavailable"
];
var STALE_CODE_ERRORS = ["login_code_invalid", "login_code_used"];
var LoginFlow = class {
  constructor(wx2, api, retry, session, app) {
    this.wx = wx2;
    this.api = api;
    this.retry = retry;
    this.session = session;
    this.app = app;
  }
  /** Login in progress, if any. */
  get inFlight() {
    var _a;
    return (_a = this.running) == null ? void 0 : _a.login;
  }
  /**
   * Logs in, optionally with a phone code. Concurrent calls without a phone code, or with the same one, share
   * one login.
   */
  logIn(phoneCode, options = {}) {
    var _a;
    const previous = this.running;
    if (previous && (phoneCode === void 0 || phoneCode === previous.phoneCode)) return previous.login;
    const login = ((_a = previous == null ? void 0 : previous.login) != null ? _a : Promise.resolve()).catch(() => {
    }).then(() => this.execute(phoneCode, options));
    const running = { phoneCode, login };
    this.running = running;
    const finish = () => {
      if (this.running === running) this.running = void 0;
    };
    login.then(finish, finish);
    return login;
  }
  async execute(phoneCode, options) {
    let resumed = this.resumePending(phoneCode, options);
    let staleCodes = 0;
    const tryLogin = async () => {
      const attempt = resumed != null ? resumed : await this.createAttempt(phoneCode, options);
      resumed = void 0;
      return this.send(attempt);
    };
    const isTransient = ({ id }) => TRANSIENT_ERRORS.includes(id) || STALE_CODE_ERRORS.includes(id) && ++staleCodes === 1;
    const data = await this.retry(tryLogin, isTransient);
    this.session.save(data);
    return data;
  }
  /** Sends an attempt until there is a response, each time with the same code and idempotency key. */
  send(attempt) {
    const headers = { "Idempotency-Key": attempt.idempotencyKey };
    const post = () => this.api.post("/login", attempt.body, headers);
    return this.retry(post, ({ id }) => {
      if (id === "conflict") this.pendingConflict = attempt;
      return id === "no_answer";
    });
  }
  async createAttempt(phoneCode, options) {
    const { nickName, onConflict } = options;
    const [code, idempotencyKey] = await Promise.all([this.loginCode(), createIdempotencyKey(this.wx)]);
    return { body: { code, phoneCode, app: this.app, nickName, onConflict }, idempotencyKey };
  }
  /** Returns the attempt that failed with a conflict, completed by the user's decision. */
  resumePending(phoneCode, { onConflict }) {
    const attempt = this.pendingConflict;
    this.pendingConflict = void 0;
    if (!attempt || !onConflict || attempt.body.phoneCode !== phoneCode) return void 0;
    return { ...attempt, body: { ...attempt.body, onConflict } };
  }
  async loginCode() {
    const { code } = await promisify(
      (callbacks) => this.wx.login({ timeout: TIMEOUT_MS, ...callbacks })
    ).catch(({ errMsg }) => {
      throw new MenshenError("no_login_code", { errMsg });
    });
    if (!code) throw new MenshenError("no_login_code");
    return code;
  }
};

// src/logout.ts
var Logout = class {
  constructor(api, retry, session, loginFlow, refresher) {
    this.api = api;
    this.retry = retry;
    this.session = session;
    this.loginFlow = loginFlow;
    this.refresher = refresher;
  }
  /** Ends the session on this device at once, and then at the service. */
  async logOut() {
    var _a;
    await ((_a = this.loginFlow.inFlight) == null ? void 0 : _a.catch(() => {
    }));
    const session = this.session.current;
    if (!session) return;
    this.session.end(session);
    const postLogout = (token) => this.retry(
      () => this.api.post("/logout", {}, {}, token),
      ({ id }) => id === "no_answer"
    );
    try {
      await postLogout(session.token).catch(async (error) => {
        const refreshed = error.id === "token_expired" && await this.refresher.refresh(session);
        if (!refreshed) throw error;
        await postLogout(refreshed.token);
      });
    } catch (thrown) {
      const error = thrown;
      if (error.status !== 401 && error.status !== 403) throw error;
    }
  }
  /** Sends a request that ends all sessions of the member, and then ends the session on this device. */
  async endAllSessions(method, url) {
    let attempts = 0;
    await this.refresher.authorized((token) => {
      attempts += 1;
      return this.retry(
        () => this.api.send({ method, url }, token),
        ({ id }) => id === "no_answer"
      ).catch((error) => {
        if (attempts < 2 || error.id !== "session_revoked") throw error;
      });
    });
    this.session.end(this.session.current);
  }
};

// src/retry.ts
var MAX_ATTEMPTS = 5;
var MAX_WAIT_SECONDS = 10;
var INITIAL_WAIT_SECONDS = 0.3;
function createRetry(wx2) {
  const foreground = watchForeground(wx2);
  return async (operation, isTransient) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await operation();
      } catch (thrown) {
        const error = thrown;
        const { retryAfter = 0 } = error;
        const isLastAttempt = attempt === MAX_ATTEMPTS;
        if (!isTransient(error) || isLastAttempt || retryAfter > MAX_WAIT_SECONDS) throw error;
        const jitter = 0.75 + Math.random() / 2;
        const backOff = INITIAL_WAIT_SECONDS * 2 ** (attempt - 1) * jitter;
        await sleep(Math.max(backOff, retryAfter));
        await foreground();
      }
    }
  };
}
function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
}
function watchForeground(wx2) {
  var _a, _b;
  let foreground = Promise.resolve();
  let enterForeground = () => {
  };
  (_a = wx2.onAppHide) == null ? void 0 : _a.call(wx2, () => {
    foreground = new Promise((resolve) => enterForeground = resolve);
  });
  (_b = wx2.onAppShow) == null ? void 0 : _b.call(wx2, () => enterForeground());
  return () => foreground;
}

// src/session.ts
var SessionStore = class {
  constructor(wx2, key) {
    this.wx = wx2;
    this.key = key;
    this.listeners = /* @__PURE__ */ new Set();
    this.session = wx2.getStorageSync(key) || void 0;
  }
  /** Current session. It is the same object until it is replaced. */
  get current() {
    return this.session;
  }
  /** Replaces the current session, and returns the new one. */
  save({ token, refreshToken }) {
    const session = { token, refreshToken };
    this.session = session;
    try {
      this.wx.setStorageSync(this.key, session);
    } catch (e) {
    }
    return session;
  }
  /** Ends `session` on this device, unless it was replaced. */
  end(session, why) {
    if (!session || session !== this.session) return;
    this.session = void 0;
    this.wx.removeStorageSync(this.key);
    this.listeners.forEach((listener) => listener(why));
  }
  /** Adds a listener for the end of sessions. Returns a function that removes it. */
  onEnd(listener) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
};

// src/token_refresh.ts
var TokenRefresher = class {
  constructor(api, retry, session, loginFlow) {
    this.api = api;
    this.retry = retry;
    this.session = session;
    this.loginFlow = loginFlow;
    this.refreshOrLogin = async (refused) => {
      const hasEnded = refused === this.session.current && !await this.refresh(refused);
      if (hasEnded) return this.loginAgain(refused);
      return { session: await this.currentSession(), next: this.loginAgain };
    };
    this.loginAgain = async (refused) => {
      if (refused === this.session.current) {
        await this.loginFlow.logIn().catch((error) => {
          if (isPermanent(error)) this.session.end(refused, error);
          throw error;
        });
      }
      return { session: await this.currentSession() };
    };
  }
  /**
   * Sends a request with the current access token. If the token is refused, sends it again after a refresh,
   * and once more after a new login, which needs no user interaction.
   */
  async authorized(send) {
    let session = await this.currentSession();
    let next = this.refreshOrLogin;
    for (; ; ) {
      try {
        return await send(session.token);
      } catch (thrown) {
        const error = thrown;
        if (error.id === "member_banned") this.session.end(session, error);
        const isPermanent2 = next === this.loginAgain && error.id === "unexpected_answer";
        if (error.status !== 401 || !next || isPermanent2) throw error;
        const recovered = await next(session);
        session = recovered.session;
        next = recovered.next;
      }
    }
  }
  /** Exchanges the session's refresh token for new tokens. Returns undefined if the session has ended. */
  refresh(session) {
    var _a;
    if (((_a = this.inFlight) == null ? void 0 : _a.session) === session) return this.inFlight.refreshed;
    const refreshed = this.exchangeTokens(session);
    const inFlight = { session, refreshed };
    this.inFlight = inFlight;
    const finish = () => {
      if (this.inFlight === inFlight) this.inFlight = void 0;
    };
    refreshed.then(finish, finish);
    return refreshed;
  }
  /** Returns the current session, or the session of the login in progress. */
  async currentSession() {
    var _a;
    await ((_a = this.loginFlow.inFlight) == null ? void 0 : _a.catch((error) => {
      if (!this.session.current) throw error;
    }));
    if (!this.session.current) throw new MenshenError("unauthenticated");
    return this.session.current;
  }
  async exchangeTokens(session) {
    const { refreshToken } = session;
    const post = () => this.api.post("/token/refresh", { refreshToken });
    const isTransient = ({ id }) => id === "no_answer" || id === "rate_limited";
    try {
      const tokens = await this.retry(post, isTransient);
      return session === this.session.current ? this.session.save(tokens) : tokens;
    } catch (thrown) {
      const error = thrown;
      if (error.status === 401) return void 0;
      if (error.id === "member_banned") this.session.end(session, error);
      throw error;
    }
  }
};
function isPermanent({ status = 0 }) {
  return status >= 400 && status < 500 && status !== 429;
}

// src/menshen.ts
var IDEMPOTENT_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];
var LOGOUT_ROUTES = [
  ["POST", "/logout", "logout()"],
  ["POST", "/logout/all", "logout({ everywhere: true })"],
  ["DELETE", "/me", "erase()"]
];
function createMenshen(options) {
  const { baseUrl, app, services = [], storageKey = "menshen", wx: platform = wx } = options;
  const session = new SessionStore(platform, storageKey);
  const api = new ApiClient(platform, baseUrl, services);
  const retry = createRetry(platform);
  const loginFlow = new LoginFlow(platform, api, retry, session, app);
  const refresher = new TokenRefresher(api, retry, session, loginFlow);
  const logoutFlow = new Logout(api, retry, session, loginFlow, refresher);
  async function login(options2) {
    return toMember(await loginFlow.logIn(void 0, options2));
  }
  async function loginWithPhone(event, options2) {
    return toMember(await loginFlow.logIn(phoneCodeOf(event), options2));
  }
  async function bindPhone(event) {
    const data = { phoneCode: phoneCodeOf(event) };
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
    const response = send(rest);
    if (success || fail || complete) {
      response.then(
        (answer) => [success, complete].forEach((callback) => callback == null ? void 0 : callback(answer)),
        (error) => [fail, complete].forEach((callback) => callback == null ? void 0 : callback(error))
      );
    }
    return response;
  }
  async function send({
    idempotent,
    ...options2
  }) {
    const { method = "GET" } = options2;
    const url = api.resolve(options2.url);
    const logoutRoute = LOGOUT_ROUTES.find(([verb, path]) => verb === method && api.resolve(path) === url);
    if (logoutRoute) {
      throw new TypeError(`${method} ${options2.url} ends the session: call ${logoutRoute[2]} instead`);
    }
    const isTransient = transientErrors(idempotent != null ? idempotent : IDEMPOTENT_METHODS.includes(method));
    return refresher.authorized((token) => retry(() => api.send(options2, token), isTransient));
  }
  async function uploadFile(options2) {
    const url = api.resolve(options2.url);
    const upload = (token) => sendHttp(
      (callbacks) => platform.uploadFile({ ...options2, url, header: withBearer(options2.header, token), ...callbacks })
    );
    return refresher.authorized((token) => retry(() => upload(token), transientErrors(false)));
  }
  function logout({ everywhere = false } = {}) {
    return everywhere ? logoutFlow.endAllSessions("POST", "/logout/all") : logoutFlow.logOut();
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
    erase: () => logoutFlow.endAllSessions("DELETE", "/me"),
    onSessionEnd: (listener) => session.onEnd(listener)
  };
}
function phoneCodeOf({ detail }) {
  if (!detail.code) throw new MenshenError("phone_declined", { errMsg: detail.errMsg });
  return detail.code;
}
function toMember({ memberId, nickName, isNew, merged }) {
  return merged ? { memberId, nickName, isNew, merged } : { memberId, nickName, isNew };
}
function transientErrors(isIdempotent) {
  return ({ id }) => id === "rate_limited" || isIdempotent && id === "no_answer";
}
