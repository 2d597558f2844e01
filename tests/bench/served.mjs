// A sound API behind a limiter, for measuring how much an audit sends: node served.mjs OPERATIONS LIMIT WINDOW_MS [MAKE]
// MAKE: fixed (from a client's first request), sliding, bucket (a leaky one, refilled evenly), none.
// One in four operations takes a body. Prints its port; on SIGTERM what it was sent, as JSON.
import { createServer } from 'node:http';

const [operations, limit, window, make = 'fixed'] = process.argv.slice(2).map((text, at) => (at < 3 ? Number(text) : text));
const token = process.env.BENCH_TOKEN ?? '';
const allowed = 'https://app.example.test';
const clients = new Map();
const sent = { requests: 0, refused: 0, statuses: {}, first: 0, last: 0 };

function served(client) {
  const now = performance.now();
  const state = clients.get(client) ?? { start: now, count: 0, times: [], level: limit, at: now };
  clients.set(client, state);
  if (make === 'none') return 0;
  if (make === 'fixed') {
    if (now - state.start >= window) Object.assign(state, { start: now, count: 0 });
    state.count += 1;
    return state.count <= limit ? 0 : window - (now - state.start);
  }
  if (make === 'sliding') {
    state.times = state.times.filter((time) => now - time < window);
    if (state.times.length < limit) return state.times.push(now), 0;
    return window - (now - state.times[0]);
  }
  state.level = Math.min(limit, state.level + ((now - state.at) * limit) / window);
  state.at = now;
  if (state.level >= 1) return (state.level -= 1), 0;
  return ((1 - state.level) * window) / limit;
}

const resources = Array.from({ length: operations }, (_, index) => ({ index, write: index % 4 === 1 }));
const security = [{ bearer: [] }];
const body = { type: 'object', required: ['name'], additionalProperties: false, properties: { name: { type: 'string', minLength: 1, maxLength: 40 } } };
const description = {
  openapi: '3.1.0',
  info: { title: 'bench', version: '1' },
  components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  paths: Object.fromEntries(resources.map(({ index, write }) => [
    write ? `/api/r${index}` : index === 0 ? '/api/r0' : `/api/r${index}/{id}`,
    write
      ? { post: { security, requestBody: { required: true, content: { 'application/json': { schema: body, example: { name: 'bolt' } } } } } }
      : index === 0
        ? { get: { security } }
        : { get: { security, parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1, maximum: 999 }, example: 7 }] } },
  ])),
};

function answer(request, text) {
  const path = request.url.split('?')[0];
  if (request.method === 'OPTIONS') return [204, ''];
  if (path === '/.well-known/security.txt') return [404, '{"error":"not found"}'];
  if (request.headers.authorization !== `Bearer ${token}`) return [401, '{"error":"unauthorised"}'];
  if (path === '/openapi.json') return [200, JSON.stringify(description)];
  const [, resource, id] = path.match(/^\/api\/r(\d+)(?:\/([^/]*))?$/) ?? [];
  const found = resources[Number(resource)];
  if (!found) return [404, '{"error":"not found"}'];
  if (found.write) {
    if (id !== undefined || request.method !== 'POST') return [405, '{"error":"method not allowed"}'];
    try {
      const parsed = JSON.parse(text);
      const sound = parsed && typeof parsed.name === 'string' && parsed.name && parsed.name.length <= 40 && Object.keys(parsed).length === 1;
      return sound ? [201, '{"id":1}'] : [400, '{"error":"invalid input"}'];
    } catch {
      return [400, '{"error":"invalid input"}'];
    }
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, '{"error":"method not allowed"}'];
  if (found.index === 0) return id === undefined ? [200, '{"items":[]}'] : [404, '{"error":"not found"}'];
  if (!/^\d+$/.test(id ?? '') || Number(id) < 1 || Number(id) > 999) return [400, '{"error":"invalid input"}'];
  return [200, JSON.stringify({ id: Number(id), name: 'bolt' })];
}

const server = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => (text += chunk));
  request.on('end', () => {
    const now = performance.now();
    sent.requests += 1;
    sent.first ||= now;
    sent.last = now;
    const wait = served(request.socket.remoteAddress);
    const headers = { 'content-type': 'application/json', vary: 'Origin', 'cache-control': 'no-store' };
    if (make === 'fixed') headers['x-ratelimit-limit'] = String(limit);
    if (request.headers.origin === allowed) headers['access-control-allow-origin'] = allowed;
    let [status, content] = [429, '{"error":"too many requests"}'];
    if (wait > 0) {
      sent.refused += 1;
      headers['retry-after'] = String(Math.max(1, Math.ceil(wait / 1000)));
    } else [status, content] = answer(request, text);
    if (status === 401) headers['www-authenticate'] = 'Bearer';
    sent.statuses[status] = (sent.statuses[status] ?? 0) + 1;
    response.writeHead(status, headers).end(status === 204 || request.method === 'HEAD' ? '' : content);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ ...sent, milliseconds: Math.round(sent.last - sent.first) }));
  process.exit(0);
});
