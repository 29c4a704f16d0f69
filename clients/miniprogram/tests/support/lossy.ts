/** A network that delivers every request and loses some of the answers. */

import { network, type HttpAnswer, type HttpRequest, type Transport } from './transport.js'

/** Of ten answers to one route three are lost, at most two in a row. */
const LOST = [true, false, true, true, false, false, false, false, false, false]

export interface Delivery extends HttpRequest {
  route: string
  answer: HttpAnswer
  lost: boolean
}

/** What happens on the way. */
export class LossyNetwork {
  /** Every request that the server answered. */
  readonly delivered: Delivery[] = []
  /** Tokens that count as expired from now on, though the server would still take them. */
  readonly expired = new Set<string>()
  /** Whether answers are lost at all. */
  loses = true
  /** Called once the server has answered, before the answer goes on its way. */
  afterwards: (delivery: Delivery) => Promise<void> | void = () => {}

  constructor(private readonly origin: string) {}

  /** The answers of a route, lost ones included. */
  answers(route: string): Delivery[] {
    return this.delivered.filter((delivery) => delivery.route === route)
  }

  readonly transport: Transport = async (request) => {
    const route = `${request.method} ${request.url.slice(this.origin.length)}`
    const token = request.headers['Authorization']?.replace('Bearer ', '') ?? ''
    const answer = this.expired.has(token) ? tokenExpired() : await network(request)
    const lost = this.loses && LOST[this.answers(route).length % LOST.length]!
    const delivery = { ...request, route, answer, lost }
    this.delivered.push(delivery)
    await this.afterwards(delivery)
    if (lost) throw new Error('socket hang up')
    return answer
  }
}

function tokenExpired(): HttpAnswer {
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
