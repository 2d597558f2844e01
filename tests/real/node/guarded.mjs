// An MCP server and a small API as the customer builds them: the official SDK, express, helmet, express-rate-limit, cors
// and zod, with a bearer token. It stands behind nginx, which ends TLS and names the client's address.
//
// From the environment: PORT, TOKEN, ORIGIN (the one allowed), WINDOW_MS, LOG (a file of JSON lines).
import { appendFileSync } from 'node:fs';
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import cors from 'cors';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { z } from 'zod';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';

const { PORT, TOKEN, ORIGIN, WINDOW_MS, LOG } = process.env;
const app = express();
let denials = 0;
let refusals = 0;

app.disable('x-powered-by');
app.set('trust proxy', 'loopback');
app.use(helmet());
app.use((request, response, next) => {
  response.on('finish', () => {
    if (response.statusCode === 401) denials += 1;
    if (response.statusCode === 429) refusals += 1;
    const line = {
      time: new Date().toISOString(),
      address: request.ip,
      method: request.method,
      path: request.path,
      status: response.statusCode,
      outcome: response.statusCode < 400 ? 'allowed' : 'denied',
      run: request.get('x-watertight-run'),
      agent: request.get('user-agent'),
      client: response.locals.client,
      tool: response.locals.tool,
    };
    appendFileSync(LOG, `${JSON.stringify(line)}\n`);
  });
  next();
});
app.use(
  rateLimit({
    windowMs: Number(WINDOW_MS),
    limit: 30,
    standardHeaders: 'draft-7',
    legacyHeaders: false,
    message: { error: 'too many requests' },
  }),
);
app.use(cors({ origin: [ORIGIN], methods: ['GET', 'POST', 'DELETE'], maxAge: 600 }));

app.get('/health', (_request, response) => response.json({ status: 'ok' }));

app.use((request, response, next) => {
  const digest = (text) => createHash('sha256').update(text).digest();
  const [scheme, token, ...rest] = (request.get('authorization') ?? '').split(/ +/);
  const right = scheme.toLowerCase() === 'bearer' && rest.length === 0;
  if (right && timingSafeEqual(digest(token ?? ''), digest(TOKEN))) return next();
  response.set('www-authenticate', 'Bearer realm="mcp"').status(401).json({ error: 'unauthorized' });
});
app.use('/mcp', (request, response, next) => {
  const origin = request.get('origin');
  if (origin !== undefined && origin !== ORIGIN) return response.status(403).json({ error: 'forbidden origin' });
  next();
});
app.use(express.json({ limit: '64kb' }));

const items = new Map([['1', { id: '1', name: 'first' }]]);
const Item = z.strictObject({ name: z.string().min(1).max(80), count: z.int().min(0).max(1000) });
const Search = z.strictObject({ limit: z.coerce.number().int().min(1).max(50).default(10) });
const invalid = (response) => response.status(400).json({ error: 'invalid request' });

app.get('/api/items', (request, response) => {
  const query = Search.safeParse(request.query);
  if (!query.success) return invalid(response);
  response.json({ items: [...items.values()].slice(0, query.data.limit) });
});
app.get('/api/items/:id', (request, response) => {
  if (!/^[0-9]{1,9}$/.test(request.params.id)) return invalid(response);
  const item = items.get(request.params.id);
  if (!item) return response.status(404).json({ error: 'not found' });
  response.json(item);
});
app.post('/api/items', (request, response) => {
  const item = Item.safeParse(request.body);
  if (!item.success) return invalid(response);
  const id = String(items.size + 1);
  items.set(id, { id, name: item.data.name });
  response.status(201).json({ id });
});
app.get('/openapi.json', (_request, response) => {
  response.json({
    openapi: '3.1.0',
    info: { title: 'items', version: '1' },
    paths: {
      '/api/items': {
        get: {
          parameters: [
            { name: 'limit', in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 50 } },
          ],
          responses: { 200: { description: 'the items' } },
        },
        post: {
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  additionalProperties: false,
                  required: ['name', 'count'],
                  properties: {
                    name: { type: 'string', minLength: 1, maxLength: 80 },
                    count: { type: 'integer', minimum: 0, maximum: 1000 },
                  },
                },
              },
            },
          },
          responses: { 201: { description: 'made' } },
        },
      },
      '/api/items/{id}': {
        get: {
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^[0-9]{1,9}$' }, example: '1' },
          ],
          responses: { 200: { description: 'the item' } },
        },
      },
    },
  });
});

const sessions = new Map();
function tools() {
  const server = new McpServer({ name: 'guarded', version: '1.0.0' });
  server.registerTool(
    'add',
    {
      description: 'Adds two integers',
      inputSchema: { a: z.int().min(-1000).max(1000), b: z.int().min(-1000).max(1000) },
      annotations: { readOnlyHint: true },
    },
    async ({ a, b }) => ({ content: [{ type: 'text', text: String(a + b) }] }),
  );
  return server;
}
app.all('/mcp', async (request, response) => {
  const body = request.body;
  response.locals.client = body?.params?.clientInfo?.name;
  response.locals.tool = body?.params?.name;
  const known = sessions.get(request.get('mcp-session-id'));
  if (known) return known.handleRequest(request, response, body);
  if (request.method !== 'POST' || !isInitializeRequest(body)) {
    return response
      .status(400)
      .json({ jsonrpc: '2.0', error: { code: -32000, message: 'Bad Request: no valid session' }, id: null });
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    enableJsonResponse: true,
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  transport.onclose = () => sessions.delete(transport.sessionId);
  await tools().connect(transport);
  await transport.handleRequest(request, response, body);
});

app.use((_request, response) => response.status(404).json({ error: 'not found' }));
app.use((error, _request, response, _next) => {
  const status = error.status >= 400 && error.status < 500 ? error.status : 500;
  response.status(status).json({ error: status < 500 ? 'invalid request' : 'internal error' });
});

// The metrics have a listener of their own, for the monitoring system alone.
const metrics = express();
metrics.get('/metrics', (_request, response) => {
  response.type('text/plain; version=0.0.4').send(
    '# HELP http_denied_requests_total Requests denied for want of a valid credential.\n' +
      '# TYPE http_denied_requests_total counter\n' +
      `http_denied_requests_total ${denials}\n` +
      '# HELP http_limited_requests_total Requests refused by the limiter.\n' +
      '# TYPE http_limited_requests_total counter\n' +
      `http_limited_requests_total ${refusals}\n`,
  );
});
const watching = metrics.listen(Number(process.env.METRICS_PORT), '127.0.0.1');
const serving = app.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('ready\n'));
process.on('SIGTERM', () => {
  watching.close();
  serving.close();
  process.exit(0);
});
