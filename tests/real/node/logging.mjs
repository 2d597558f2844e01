// A small API behind a bearer token that keeps a log, and beside it a store that gives the log away over HTTP in the
// shapes of Loki (query_range) and Elasticsearch (_search), and a metrics page with a counter of denied requests.
//
// From the environment: PORT, STORE_PORT, TOKEN, LOG (a file of JSON lines), MODE (`well`, `token`: the log holds the
// Authorization header, too; `nothing`: it stays empty, and the counter at 0).
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { PORT, STORE_PORT, TOKEN, LOG, MODE } = process.env;
appendFileSync(LOG, '');
let denied = 0;

const api = createServer((request, response) => {
  const allowed = request.headers.authorization === `Bearer ${TOKEN}`;
  const status = allowed ? 200 : 401;
  if (MODE !== 'nothing') {
    if (!allowed) denied += 1;
    const line = {
      '@timestamp': new Date().toISOString(),
      address: request.socket.remoteAddress,
      path: request.url,
      status,
      agent: request.headers['user-agent'],
      authorization: MODE === 'token' ? request.headers.authorization : undefined,
    };
    appendFileSync(LOG, `${JSON.stringify(line)}\n`);
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(allowed ? '{"items":[]}' : '{"error":"unauthorized"}');
});
api.listen(Number(PORT), '127.0.0.1');

const lines = () => readFileSync(LOG, 'utf8').split('\n').filter(Boolean);
const nanoseconds = (line) => `${Date.parse(JSON.parse(line)['@timestamp'])}000000`;
const loki = () => ({
  status: 'success',
  data: {
    resultType: 'streams',
    result: [{ stream: { app: 'api' }, values: lines().reverse().map((line) => [nanoseconds(line), line]) }],
  },
});
const elasticsearch = () => ({
  took: 1,
  timed_out: false,
  _shards: { total: 1, successful: 1, skipped: 0, failed: 0 },
  hits: { hits: lines().reverse().map((line, at) => ({ _index: 'api', _id: String(at), _source: JSON.parse(line) })) },
});
const store = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://127.0.0.1');
  if (pathname === '/metrics') {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    return response.end(`# TYPE api_denied_requests_total counter\napi_denied_requests_total ${denied}\n`);
  }
  const answer = { '/loki/api/v1/query_range': loki, '/api/_search': elasticsearch }[pathname];
  response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer?.() ?? { error: 'not found' }));
});
store.listen(Number(STORE_PORT), '127.0.0.1');
