// An API with a described surface of seven operations, sound as it stands, whose faults are switched on by name: express,
// express-rate-limit, cors and zod, as the customer builds it. One process serves many variants, each with state, limiter
// and port of its own, so that a test can audit all of them at once.
//
// From the environment: VARIANTS (`port=fault+fault` by spaces; `port=` is the sound one), TOKEN, ORIGIN (the one allowed),
// LIMIT, WINDOW_MS; PORTS, a file that gets the port of each variant once all listen (write 0 for any); and COUNTS, a file that gets the number of requests and refusals of each variant at the end.
// `node faulty.mjs --list` prints the faults.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import cors from 'cors';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import { z } from 'zod';

const { VARIANTS = '', TOKEN = '', ORIGIN = '', LIMIT = '30', WINDOW_MS = '60000' } = process.env;

// Every fault, with the item of the checklist that must fall by it.
export const FAULTS = {
  'auth-off': 'auth-enforced',
  'one-endpoint-open': 'auth-enforced',
  'writes-open': 'auth-enforced',
  'any-token': 'auth-enforced',
  'half-token': 'auth-enforced',
  'half-token-at-one': 'auth-enforced',
  'near-token-at-one': 'auth-enforced',
  'any-case-token': 'auth-enforced',
  'any-scheme': 'auth-enforced',
  'token-in-query': 'auth-enforced',
  'token-in-cookie': 'auth-enforced',
  'original-url-opens': 'auth-enforced',
  'slashes-open': 'auth-enforced',
  'upper-case-opens': 'auth-enforced',
  'encoded-letter-opens': 'auth-enforced',
  'forwarded-for-opens': 'auth-enforced',
  'head-open': 'auth-enforced',
  'login-redirect': 'auth-enforced',
  'content-with-401': 'auth-enforced',
  'welcome-with-200': 'auth-enforced',
  'cors-wildcard': 'cors-origins',
  'cors-reflects': 'cors-origins',
  'cors-reflects-on-errors': 'cors-origins',
  'cors-null': 'cors-origins',
  'cors-prefix': 'cors-origins',
  'cors-suffix': 'cors-origins',
  'cors-dot': 'cors-origins',
  'cors-plain-twin': 'cors-origins',
  'cors-localhost': 'cors-origins',
  'cors-one-route': 'cors-origins',
  'cors-reflects-when-limited': 'cors-origins',
  'cors-without-vary': 'cors-origins',
  'body-unvalidated': 'input-validation',
  'types-only': 'input-validation',
  'inner-unvalidated': 'input-validation',
  'lengths-unvalidated': 'input-validation',
  'ranges-unvalidated': 'input-validation',
  'choices-unvalidated': 'input-validation',
  'patterns-unvalidated': 'input-validation',
  'lists-unvalidated': 'input-validation',
  'header-unvalidated': 'input-validation',
  'text-accepted': 'input-validation',
  'extra-properties': 'input-validation',
  'query-unvalidated': 'input-validation',
  'path-unvalidated': 'input-validation',
  'put-unvalidated': 'input-validation',
  'invalid-crashes': 'input-validation',
  'parser-crashes': 'input-validation',
  'stack-in-errors': 'error-disclosure',
  'query-in-errors': 'error-disclosure',
  'path-in-404': 'error-disclosure',
  'upstream-in-header': 'error-disclosure',
  'echo-in-page': 'error-disclosure',
  'token-in-401': 'error-disclosure',
  'limiter-off': 'rate-limit',
  'limit-doubled': 'rate-limit',
  'limiter-trusts-forwarded-for': 'rate-limit',
  'limiter-skips-one': 'rate-limit',
  'limiter-skips-anonymous': 'rate-limit',
  'limiter-says-503': 'rate-limit',
};

// What hides a fault and is none itself.
export const MASKS = ['volatile-answers', 'origin-gate', 'tight-limit', 'catch-all-page', 'challenge-for-bots', 'slow-limiter-page'];

if (process.argv.includes('--list')) {
  for (const [fault, check] of Object.entries(FAULTS)) process.stdout.write(`${fault} ${check}\n`);
  process.exit(0);
}

const digest = (text) => createHash('sha256').update(text).digest();
const isToken = (text) => timingSafeEqual(digest(text ?? ''), digest(TOKEN));

const Address = z.strictObject({ city: z.string().min(1).max(40), zip: z.string().regex(/^[0-9]{5}$/) });
const Item = z.strictObject({
  name: z.string().min(1).max(40),
  count: z.int().min(1).max(100),
  kind: z.enum(['bolt', 'nut']),
  address: Address,
  tags: z.array(z.enum(['new', 'used'])).max(3).optional(),
});
const Region = z.enum(['north', 'south']).optional();
const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(50).optional(),
  sort: z.enum(['name', 'count']).optional(),
});
const Id = z.strictObject({ id: z.string().regex(/^[1-9][0-9]{0,5}$/) });
const Term = z.strictObject({ q: z.string().min(1).max(40).regex(/^[a-z]+$/) });

const item = { type: 'object', additionalProperties: false, required: ['name', 'count', 'kind', 'address'] };
item.properties = {
  name: { type: 'string', minLength: 1, maxLength: 40 },
  count: { type: 'integer', minimum: 1, maximum: 100 },
  kind: { type: 'string', enum: ['bolt', 'nut'] },
  tags: { type: 'array', maxItems: 3, items: { type: 'string', enum: ['new', 'used'] } },
  address: {
    type: 'object',
    additionalProperties: false,
    required: ['city', 'zip'],
    properties: { city: { type: 'string', minLength: 1, maxLength: 40 }, zip: { type: 'string', pattern: '^[0-9]{5}$', example: '12345' } },
  },
};
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^[1-9][0-9]{0,5}$' }, example: '1' };
const body = { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Item' } } } };
const done = (status, text) => ({ [status]: { description: text }, '4XX': { description: 'refused' } });
const DESCRIPTION = {
  openapi: '3.1.0',
  info: { title: 'items', version: '1' },
  components: { schemas: { Item: item }, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  security: [{ bearer: [] }],
  paths: {
    '/api/items': {
      get: {
        parameters: [
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 50 } },
          { name: 'sort', in: 'query', schema: { type: 'string', enum: ['name', 'count'] } },
        ],
        responses: done(200, 'the items'),
      },
      post: { requestBody: body, responses: done(201, 'made') },
    },
    '/api/items/{id}': {
      get: { parameters: [id], responses: done(200, 'the item') },
      put: { parameters: [id], requestBody: body, responses: done(200, 'changed') },
      delete: { parameters: [id], responses: done(204, 'gone') },
    },
    '/api/search': {
      get: {
        parameters: [
          { name: 'q', in: 'query', required: true, schema: { type: 'string', minLength: 1, maxLength: 40, pattern: '^[a-z]+$' }, example: 'bolt' },
          { name: 'X-Region', in: 'header', schema: { type: 'string', enum: ['north', 'south'] } },
        ],
        responses: done(200, 'what was found'),
      },
    },
    '/api/stats': { get: { responses: done(200, 'numbers') } },
  },
};

function build(faults) {
  const has = (fault) => faults.has(fault);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  if (has('slashes-open')) {
    app.use((request, _response, next) => {
      request.slashes = request.url.startsWith('//');
      request.url = request.url.replace(/^\/+/, '/');
      next();
    });
  }

  if (has('encoded-letter-opens')) {
    app.use((request, _response, next) => {
      const [path, query] = request.url.split('?');
      request.encoded = /%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9])/i.test(path);
      if (request.encoded) request.url = decodeURIComponent(path) + (query === undefined ? '' : `?${query}`);
      next();
    });
  }

  if (!has('limiter-off')) {
    const limit = has('limit-doubled') ? 2 * Number(LIMIT) : has('tight-limit') ? Math.floor(Number(LIMIT) / 4) : Number(LIMIT);
    const status = has('limiter-says-503') ? 503 : 429;
    app.use(
      rateLimit({
        windowMs: Number(WINDOW_MS),
        limit,
        standardHeaders: 'draft-7',
        legacyHeaders: false,
        validate: false,
        statusCode: status,
        message: (request, response) => {
          if (has('cors-reflects-when-limited') && request.get('origin')) {
            response.set('access-control-allow-origin', request.get('origin'));
          }
          return { error: 'too many requests' };
        },
        skip: (request) =>
          (has('limiter-skips-one') && request.path === '/api/stats') ||
          (has('limiter-skips-anonymous') && request.get('authorization') === undefined),
        keyGenerator: (request) =>
          (has('limiter-trusts-forwarded-for') && request.get('x-forwarded-for')) || request.socket.remoteAddress,
      }),
    );
  }

  const granted = (origin) =>
    origin === ORIGIN ||
    has('cors-reflects') ||
    (has('cors-null') && origin === 'null') ||
    (has('cors-prefix') && origin?.startsWith(ORIGIN)) ||
    (has('cors-suffix') && origin?.endsWith(new URL(ORIGIN).hostname)) ||
    (has('cors-dot') && new RegExp(`^${ORIGIN}$`).test(origin)) ||
    (has('cors-plain-twin') && origin === ORIGIN.replace('https:', 'http:')) ||
    (has('cors-localhost') && /^http:\/\/localhost(:[0-9]+)?$/.test(origin));
  if (has('origin-gate')) {
    app.use((request, response, next) => {
      const origin = request.get('origin');
      if (origin !== undefined && !granted(origin)) return response.status(403).json({ error: 'forbidden origin' });
      next();
    });
  }
  if (has('cors-wildcard')) {
    app.use(cors({ origin: '*' }));
  } else if (has('cors-without-vary')) {
    app.use((request, response, next) => {
      response.set('cache-control', 'public, max-age=600');
      if (granted(request.get('origin'))) response.set('access-control-allow-origin', request.get('origin'));
      next();
    });
  } else {
    // The package leaves Vary out where its function says no.
    app.use((_request, response, next) => {
      response.vary('Origin');
      next();
    });
    app.use(cors({ origin: (origin, done) => done(null, granted(origin)), methods: ['GET', 'POST', 'PUT', 'DELETE'] }));
  }
  if (has('cors-reflects-on-errors')) {
    app.use((request, response, next) => {
      const { writeHead } = response;
      response.writeHead = (...rest) => {
        if (rest[0] >= 400 && request.get('origin')) response.setHeader('access-control-allow-origin', request.get('origin'));
        return writeHead.apply(response, rest);
      };
      next();
    });
  }
  if (has('cors-one-route')) {
    app.use('/api/search', (request, response, next) => {
      if (request.get('origin')) response.set('access-control-allow-origin', request.get('origin'));
      next();
    });
  }
  if (has('upstream-in-header')) {
    app.use((_request, response, next) => {
      const { writeHead } = response;
      response.writeHead = (...rest) => {
        if (rest[0] >= 400) response.setHeader('x-upstream', '10.4.0.7:9000');
        return writeHead.apply(response, rest);
      };
      next();
    });
  }
  if (has('challenge-for-bots')) {
    // A firewall that tests whoever sends no token, before the service sees it.
    app.use((request, response, next) => {
      if (request.get('authorization')) return next();
      response.status(403).type('html').send('<html><title>Just a moment...</title></html>');
    });
  }
  if (has('original-url-opens')) {
    app.use((request, _response, next) => {
      const original = request.get('x-original-url');
      if (original?.startsWith('/api/') && !request.get('authorization')) {
        request.url = original;
        request.trusted = true;
      }
      next();
    });
  }

  app.get('/health', (_request, response) => response.json({ status: 'ok' }));

  const admits = (request) => {
    if (has('auth-off') || request.trusted) return true;
    if (has('one-endpoint-open') && request.path === '/api/stats') return true;
    if (has('writes-open') && request.method === 'POST') return true;
    if (has('head-open') && request.method === 'HEAD') return true;
    if (has('slashes-open') && request.slashes) return true;
    if (has('upper-case-opens') && !request.path.startsWith('/api') && /^\/api/i.test(request.path)) return true;
    if (has('encoded-letter-opens') && request.encoded) return true;
    if (has('forwarded-for-opens') && request.get('x-forwarded-for')?.startsWith('127.0.0.1')) return true;
    if (has('token-in-query') && isToken(String(request.query.access_token ?? ''))) return true;
    if (has('token-in-cookie') && isToken(/(?:^|; )token=([^;]+)/.exec(request.get('cookie') ?? '')?.[1])) return true;
    const header = request.get('authorization') ?? '';
    const [scheme, token, ...rest] = header.split(/ +/);
    if (has('any-scheme') && (isToken(token) || isToken(header))) return true;
    if (scheme.toLowerCase() !== 'bearer' || rest.length > 0 || !token) return false;
    if (has('any-token')) return true;
    if (has('any-case-token') && token.toLowerCase() === TOKEN.toLowerCase()) return true;
    if (request.path === '/api/stats') {
      if (has('half-token-at-one') && token.length >= 16 && TOKEN.startsWith(token)) return true;
      if (has('near-token-at-one') && token.slice(0, 8) === TOKEN.slice(0, 8)) return true;
    }
    if (has('half-token') && token.length >= 16 && TOKEN.startsWith(token)) return true;
    return isToken(token);
  };
  const items = { 1: { id: '1', name: 'first', count: 3, kind: 'bolt' } };
  app.use((request, response, next) => {
    if (admits(request)) return next();
    if (has('login-redirect')) return response.redirect(302, `/login?next=${encodeURIComponent(request.path)}`);
    if (has('content-with-401') && request.path === '/api/stats') return response.status(401).json(stats());
    if (has('welcome-with-200')) return response.json({ error: 'please log in' });
    const told = has('token-in-401') ? `bad credential: ${request.get('authorization') ?? 'none'}` : 'unauthorized';
    response.set('www-authenticate', 'Bearer realm="items"').status(401).json({ error: told });
  });
  app.use((request, _response, next) => {
    // The service itself takes no credential from the query or a header that names another path.
    delete request.headers['x-original-url'];
    next();
  });
  app.use(express.json({ limit: '64kb' }));
  if (has('text-accepted')) {
    app.use(express.text());
    app.use((request, _response, next) => {
      request.isText = typeof request.body === 'string';
      next();
    });
  }
  if (has('volatile-answers')) {
    // No answer is like another: fields come and go by name and number.
    app.use((request, response, next) => {
      const json = response.json.bind(response);
      let count = 1 + (Date.now() % 7);
      response.json = (value) => {
        if (response.statusCode >= 400 || request.path === '/openapi.json' || !Object.keys(value).length) return json(value);
        const more = {};
        for (; count > 0; count -= 1) more[randomBytes(4).toString('hex')] = randomBytes(5).toString('hex');
        return json({ ...value, ...more });
      };
      next();
    });
  }

  const invalid = (response, error) => {
    if (has('query-in-errors')) {
      const told = ['SELECT id, name FROM items', "WHERE id = 'x'"].join(' ');
      return response.status(400).json({ error: `failed: ${told}` });
    }
    if (has('stack-in-errors')) return response.status(400).json({ error: 'invalid request', stack: error.stack });
    return response.status(400).json({ error: 'invalid request' });
  };
  const checked = (schema, value, response, ignored) => {
    if (ignored) return value ?? {};
    const read = schema.safeParse(value);
    if (read.success) return read.data ?? {};
    if (has('invalid-crashes')) {
      response.status(500).json({ error: 'internal error' });
      return null;
    }
    invalid(response, read.error);
    return null;
  };
  const loose = has('types-only')
    ? z.object({ name: z.string(), count: z.number(), kind: z.string(), address: z.object({ city: z.string(), zip: z.string() }) })
    : has('inner-unvalidated')
      ? Item.extend({ address: z.any() })
      : has('extra-properties')
        ? z.object(Item.shape)
        : has('lengths-unvalidated')
          ? Item.extend({ name: z.string() })
          : has('ranges-unvalidated')
            ? Item.extend({ count: z.int() })
            : has('choices-unvalidated')
              ? Item.extend({ kind: z.string() })
              : has('patterns-unvalidated')
                ? Item.extend({ address: Address.extend({ zip: z.string() }) })
                : has('lists-unvalidated')
                  ? Item.extend({ tags: z.any() })
                  : Item;
  // A token in the query is for the guard alone, where it is taken.
  const query = (request) => {
    const { access_token: _token, ...rest } = request.query;
    return has('token-in-query') ? rest : request.query;
  };
  const stats = () => ({ items: Object.keys(items).length, since: '2026-01-01', version: 7, healthy: true });

  app.get('/api/items', (request, response) => {
    const read = checked(Page, query(request), response, has('query-unvalidated'));
    if (read) response.json({ items: Object.values(items).slice(0, Number(read.limit) || 10) });
  });
  app.post('/api/items', (request, response) => {
    const read = checked(loose, request.body, response, has('body-unvalidated') || request.isText);
    if (read) response.status(201).json({ id: '2' });
  });
  app.get('/api/items/:id', (request, response) => {
    const read = checked(Id, request.params, response, has('path-unvalidated'));
    if (!read) return;
    const found = items[read.id] ?? (has('path-unvalidated') ? { id: read.id, name: 'unknown', count: 0, kind: 'nut' } : undefined);
    if (found) response.json(found);
    else response.status(404).json({ error: 'no such item' });
  });
  app.put('/api/items/:id', (request, response) => {
    if (!checked(Id, request.params, response, false)) return;
    if (checked(loose, request.body, response, has('put-unvalidated') || has('body-unvalidated'))) response.json({ id: request.params.id });
  });
  app.delete('/api/items/:id', (request, response) => {
    if (checked(Id, request.params, response, false)) response.status(204).end();
  });
  app.get('/api/search', (request, response) => {
    if (!checked(Region, request.get('x-region'), response, has('header-unvalidated'))) return;
    if (checked(Term, query(request), response, false)) response.json({ found: Object.values(items) });
  });
  app.get('/api/stats', (_request, response) => response.json(stats()));
  app.get('/openapi.json', (_request, response) => response.json(DESCRIPTION));

  app.use((request, response) => {
    if (has('catch-all-page')) return response.status(200).type('html').send('<html><title>Items</title><div id="root"></div></html>');
    if (has('path-in-404')) return response.status(404).json({ error: 'no route in /srv/items/routes/index.mjs' });
    if (has('echo-in-page')) {
      return response.status(404).type('html').send(`<html><title>404</title>nothing at ${decodeURIComponent(request.originalUrl)}</html>`);
    }
    response.status(404).json({ error: 'not found' });
  });
  app.use((error, _request, response, _next) => {
    const status = has('parser-crashes') ? 500 : error.status >= 400 && error.status < 500 ? error.status : 500;
    if (has('stack-in-errors')) return response.status(status).json({ error: 'failed', stack: error.stack });
    response.status(status).json({ error: status < 500 ? 'invalid request' : 'internal error' });
  });
  return app;
}

const counts = {};
const ports = {};
const listening = [];
const known = new Set([...Object.keys(FAULTS), ...MASKS]);
for (const variant of VARIANTS.split(' ').filter((text) => text !== '')) {
  const [port, names] = variant.split('=');
  const faults = new Set(names.split('+').filter((name) => name !== ''));
  for (const fault of faults) if (!known.has(fault)) throw new Error(`no fault is called ${fault}`);
  const count = { sent: 0, limited: 0 };
  counts[names] = count;
  const app = build(faults);
  const server = createServer((request, response) => {
    count.sent += 1;
    response.on('finish', () => {
      if (response.statusCode === 429) count.limited += 1;
    });
    app(request, response);
  });
  listening.push(
    new Promise((resolve) => {
      server.listen(Number(port), '127.0.0.1', () => {
        ports[names] = server.address().port;
        resolve();
      });
    }),
  );
}
await Promise.all(listening);
if (process.env.PORTS) {
  // Whole or not at all: whoever waits for it reads it at once.
  writeFileSync(`${process.env.PORTS}.part`, JSON.stringify(ports));
  renameSync(`${process.env.PORTS}.part`, process.env.PORTS);
}
process.on('SIGTERM', () => {
  if (process.env.COUNTS) writeFileSync(process.env.COUNTS, JSON.stringify(counts));
  process.exit(0);
});
