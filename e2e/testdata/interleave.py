"""Pushes one JPEG many times in tiny fragments, and between any two of them
sends a ping and waits for the answer: interleave.py URL FILE COUNT."""
import asyncio
import sys

import websockets


async def main(url, path, count):
    with open(path, "rb") as file:
        jpeg = file.read()
    async with websockets.connect(url, ping_interval=None) as relay:

        async def fragments():
            for at in range(0, len(jpeg), 997):
                yield jpeg[at : at + 997]
                pong = await relay.ping()
                await asyncio.wait_for(pong, 20)

        for _ in range(int(count)):
            await relay.send(fragments())
        print("sent", count, flush=True)
        await relay.wait_closed()


asyncio.run(main(*sys.argv[1:]))
