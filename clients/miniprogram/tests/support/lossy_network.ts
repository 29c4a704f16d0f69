/** Network that delivers every request and loses some of the responses. */

import { network, type HttpRequest, type HttpResponse, type Transport } from './transport.js'

/** Pattern of lost responses of one route: three of ten, at most two in a row. */
const LOST = [true, false, true, true, false, false, false, false, false, false]

export interface Delivery extends HttpRequest {
  route: string
  response: HttpResponse
  lost: boolean
}

export class LossyNetwork {
  /** Requests to which the server responded. */
  readonly deliveries: Delivery[] = []
  /** Access tokens that the network refuses as expired, although the server still accepts them. */
  readonly expiredTokens = new Set<string>()
  /** Enables the loss of responses. */
  losesResponses = true
  /** Hook that runs after the server has responded and before the response is delivered. */
  beforeDelivery: (delivery: Delivery) => Promise<void> | void = () => {}

  constructor(private readonly origin: string) {}

  /** Deliveries of a route, including those with a lost response. */
  deliveriesOf(route: string): Delivery[] {
    return this.deliveries.filter((delivery) => delivery.route === route)
  }

  readonly transport: Transport = async (request) => {
    const route = `${request.method} ${request.url.slice(this.origin.length)}`
    const token = request.headers['Authorization']?.replace('Bearer ', '') ?? ''
    const response = this.expiredTokens.has(token) ? tokenExpired() : await network(request)
    const lost = this.losesResponses && LOST[this.deliveriesOf(route).length % LOST.length]!
    const delivery = { ...request, route, response, lost }
    this.deliveries.push(delivery)
    await this.beforeDelivery(delivery)
    if (lost) throw new Error('socket hang up')
    return response
  }
}

function tokenExpired(): HttpResponse {
  const body = {
    code: 401,
    msg: '认证失败，登录已过期，请重新登录',
    data: null,
    error: 'token_expired',
    requestId: 'lossy-network',
    operationTime: '',
  }
  return { status: 401, headers: {}, body: JSON.stringify(body) }
}
