"""An MCP server of both eras with two tools; with TOKEN in the environment, behind a static bearer token."""

import os

from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

token = os.environ.get("TOKEN")
auth = StaticTokenVerifier(tokens={token: {"client_id": "audit", "scopes": []}}) if token else None
server = FastMCP("tools", auth=auth)


@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool
def run_shell(command: str) -> str:
    """Runs a shell command."""
    return "never run by the tests"


server.run(transport="http", host="127.0.0.1", port=int(os.environ["PORT"]))
