#!/usr/bin/env python3
"""Carries TCP connections between two network namespaces that share a folder.

relay.py far|near FOLDER PORT…   `far` listens on its own loopback and hands on to sockets in FOLDER;
`near` takes those and connects to the loopback of its own namespace.
"""

import asyncio
import contextlib
import os
import sys


async def carry(reader, writer):
    with contextlib.suppress(OSError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def main(side, folder, ports):
    servers = []
    for port in ports:
        path = os.path.join(folder, port)

        async def meet(reader, writer, port=port, path=path):
            try:
                if side == "far":
                    other = await asyncio.open_unix_connection(path)
                else:
                    other = await asyncio.open_connection("127.0.0.1", int(port))
            except OSError:
                writer.close()
                return
            await asyncio.gather(carry(reader, other[1]), carry(other[0], writer))

        if side == "far":
            servers.append(await asyncio.start_server(meet, "127.0.0.1", int(port)))
        else:
            servers.append(await asyncio.start_unix_server(meet, path))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
