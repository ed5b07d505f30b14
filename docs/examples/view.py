#!/usr/bin/env python3
"""Keeps the newest frame of a camera in a file:
view.py ws://viewer:TOKEN@relay.example:8080/ws/view/door newest.jpg"""
import asyncio, logging, os, sys
import websockets  # apt install python3-websockets, or pip install websockets


async def view(url, path):
    async for relay in websockets.connect(url, max_size=2**24):  # comes back by itself
        try:
            async for jpeg in relay:  # each message is one JPEG, and the newest one
                with open(path + ".part", "wb") as file:
                    file.write(jpeg)
                os.replace(path + ".part", path)
                print(len(jpeg), "bytes", flush=True)
        except websockets.ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code in (4403, 4404):  # no longer allowed, or removed
                sys.exit(str(closed))
logging.basicConfig(level=logging.INFO)
asyncio.run(view(*sys.argv[1:]))
