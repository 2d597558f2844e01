"""An MCP server of both eras with one read-only tool, behind a static bearer token; FAULT opens it in one way.

From the environment: PORT, TOKEN, FAULT (empty, open, any-token, legacy-open, modern-open, discovery-open, query-token,
origin-gate). As it comes, the library serves any Origin and passes the validator's words on; `origin-gate` mends the first.
"""

import json
import os

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.auth import AccessToken
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from pydantic import Field
from typing import Annotated

TOKEN = os.environ["TOKEN"]
FAULT = os.environ.get("FAULT", "")
client = {"client_id": "audit", "scopes": []}


class Anyone(StaticTokenVerifier):
    async def verify_token(self, token):
        return AccessToken(token=token, client_id="audit", scopes=[])


verifier = Anyone(tokens={TOKEN: client}) if FAULT == "any-token" else StaticTokenVerifier(tokens={TOKEN: client})
server = FastMCP("adder", auth=None if FAULT == "open" else verifier, mask_error_details=True)


@server.tool(annotations={"readOnlyHint": True})
def add(a: Annotated[int, Field(ge=0, le=1000)], b: Annotated[int, Field(ge=0, le=1000)]) -> int:
    """Adds two numbers."""
    return a + b


app = server.http_app(path="/mcp")


class Careless:
    """Lends the token to requests that carry none, where the fault says so."""

    def __init__(self, inner):
        self.inner = inner

    def lends(self, scope, body):
        headers = dict(scope["headers"])
        if FAULT == "query-token":
            return f"access_token={TOKEN}".encode() in scope["query_string"]
        if b"authorization" in headers:
            return False
        try:
            message = json.loads(body)
        except ValueError:
            message = {}
        method = message.get("method", "") if isinstance(message, dict) else ""
        is_modern = b"mcp-method" in headers
        if FAULT == "legacy-open":
            return not is_modern
        if FAULT == "modern-open":
            return is_modern
        if FAULT == "discovery-open":
            return method in ("initialize", "notifications/initialized", "server/discover", "tools/list")
        return False

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.inner(scope, receive, send)
        if FAULT == "origin-gate" and any(name == b"origin" for name, _ in scope["headers"]):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            return await send({"type": "http.response.body", "body": b"forbidden origin"})
        body = b""
        while scope["method"] == "POST":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        sent = False

        async def again():
            nonlocal sent
            if sent or scope["method"] != "POST":
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        if self.lends(scope, body):
            kept = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
            scope = {**scope, "headers": [*kept, (b"authorization", f"Bearer {TOKEN}".encode())]}
        await self.inner(scope, again, send)


uvicorn.run(Careless(app), host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", server_header=False)
