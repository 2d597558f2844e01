import cors from "cors";
import express from "express";
import { rateLimit } from "express-rate-limit";
import { z } from "zod";
import { mcp } from "./mcp.js";
import { authenticated } from "./token.js";

const item = z.strictObject({
  name: z.string().min(1).max(64).regex(/^[A-Za-z0-9 ]+$/),
  quantity: z.number().int().min(0).max(1000),
  note: z.string().max(200).optional(),
});
const page = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).optional() });
const one = z.strictObject({ id: z.coerce.number().int().min(1).max(1000000) });
const term = z.strictObject({ q: z.string().min(1).max(64).regex(/^[A-Za-z0-9 ]+$/) });

const app = express();
app.disable("x-powered-by");
app.use(rateLimit({ windowMs: 60_000, limit: 30 }));
app.use(cors({ origin: ["https://app.example.test"] }));
app.get("/health", (_request, response) => response.json({ status: "ok" }));
app.use(authenticated(process.env.MCP_TOKEN));
app.use(express.json({ limit: "64kb" }));

const refused = { error: "invalid_input", message: "The request is not valid." };
const items = [{ id: 1, name: "Bolt", quantity: 120 }];

app.get("/api/items", (request, response) => {
  const query = page.safeParse(request.query);
  return query.success ? response.json(items) : response.status(400).json(refused);
});
app.post("/api/items", (request, response) => {
  const body = item.safeParse(request.body);
  return body.success ? response.status(201).json(body.data) : response.status(400).json(refused);
});
app.get("/api/items/:id", (request, response) => {
  const params = one.safeParse(request.params);
  return params.success ? response.json(items[0]) : response.status(400).json(refused);
});
app.get("/api/search", (request, response) => {
  const query = term.safeParse(request.query);
  return query.success ? response.json(items) : response.status(400).json(refused);
});
app.get("/api/status", (_request, response) => response.json({ status: "ok" }));
app.all("/mcp", mcp);

app.listen(3000, "127.0.0.1");
