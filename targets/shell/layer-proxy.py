#!/usr/bin/env python3
"""layer-proxy PORT ROUTES: the websites of a job under one port of its own loopback.

ROUTES is read for every request: a line for each EXPOSE WEBSITE, its words separated by tabs: scheme, port, path, and
what takes the path's place in what the server is asked for (nothing: the request is passed on unchanged). The longest
path that a request's path begins with, segment by segment, decides.
"""

import asyncio
import ssl
import sys

PORT, ROUTES = int(sys.argv[1]), sys.argv[2]
UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE
HEAD_BYTES = 1 << 20


def choose(target):
    path = target.split("?", 1)[0]
    best = None
    with open(ROUTES, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            scheme, port, prefix, rewrite = line.rstrip("\n").split("\t")
            prefix = prefix.rstrip("/")
            if path != prefix and not path.startswith(prefix + "/"):
                continue
            if best is None or len(prefix) > len(best[2]):
                best = (scheme, int(port), prefix, rewrite)
    return best


def rewritten(target, prefix, rewrite):
    if rewrite == "":
        return target
    rest = target[len(prefix) :]
    start = rewrite.rstrip("/")
    if not rest.startswith("/") and (start == "" or rewrite.endswith("/")):
        start += "/"
    return start + rest


def head_of(first, fields, connection):
    """A message's head for the next hop: what concerned this connection alone is left out."""
    kept = [one for one in fields if one.split(b":", 1)[0].strip().lower() not in (b"connection", b"keep-alive")]
    return b"\r\n".join([first, *kept, b"Connection: " + connection, b"", b""])


async def read_head(reader):
    first, *fields = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    return first, fields


async def pass_on(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        pass


async def answer(reader, writer):
    """Passes the server's answer on, so that the client sees this connection's end; a switched one stays as it is."""
    while True:
        first, fields = await read_head(reader)
        status = first.split(b" ", 2)[1]
        switched = status == b"101"
        writer.write(head_of(first, fields, b"Upgrade" if switched else b"close"))
        if switched or not status.startswith(b"1"):
            break
    await pass_on(reader, writer)


async def refuse(writer, status, why):
    writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n{why}\n".encode())
    await writer.drain()


async def serve(client_reader, client_writer):
    server_writer = None
    try:
        first, fields = await read_head(client_reader)
        method, target, version = first.decode("latin-1").split(" ")
        route = choose(target) if target.startswith("/") else None
        if route is None:
            return await refuse(client_writer, "404 Not Found", "no EXPOSE WEBSITE shows anything at this path")
        scheme, port, prefix, rewrite = route
        secure = UNVERIFIED if scheme == "https" else None
        try:
            server_reader, server_writer = await asyncio.open_connection(
                "localhost", port, ssl=secure, limit=HEAD_BYTES
            )
        except OSError as error:
            return await refuse(client_writer, "502 Bad Gateway", f"port {port} gives no answer: {error}")
        asked = f"{method} {rewritten(target, prefix, rewrite)} {version}".encode("latin-1")
        upgrades = any(one.lower().startswith(b"upgrade:") for one in fields)
        server_writer.write(head_of(asked, fields, b"Upgrade" if upgrades else b"close"))
        request = asyncio.create_task(pass_on(client_reader, server_writer))
        await answer(server_reader, client_writer)
        request.cancel()
    except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        for writer in (server_writer, client_writer):
            if writer is not None:
                writer.close()


async def main():
    server = await asyncio.start_server(serve, "localhost", PORT, limit=HEAD_BYTES)
    async with server:
        await server.serve_forever()


asyncio.run(main())
