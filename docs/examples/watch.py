#!/usr/bin/env python3
"""Watches several cameras on one connection, by camrelay.view.v1:

    watch.py ws://viewer:TOKEN@relay.example:8080/ws/view door yard

Each frame is acknowledged when it is done with: the relay sends no more than
this program takes, and always the newest. See docs/protocol.md, section 4.
"""
import asyncio
import json
import logging
import struct
import sys
import time

import websockets  # apt install python3-websockets, or pip install websockets


async def watch(url, *wanted):
    async for relay in websockets.connect(url, subprotocols=["camrelay.view.v1"], max_size=2**24):
        try:
            names, offset = {}, None  # cameras by stream number; relay's clock minus ours, microseconds
            await relay.send(json.dumps({"t": "watch", "cameras": [{"id": id} for id in wanted]}))
            await relay.send(json.dumps({"t": "clock", "client": time.time()}))
            async for message in relay:
                if isinstance(message, str):
                    message = json.loads(message)
                    for camera in message.get("cameras", []) + [message.get("camera")]:
                        if camera and names.get(camera["stream"]) != (camera["id"], camera["state"]):
                            names[camera["stream"]] = camera["id"], camera["state"]
                            print(camera["id"], "is", camera["state"], flush=True)
                    if message["t"] == "clock":
                        offset = message["relay"] - (message["client"] + time.time()) / 2 * 1e6
                    continue
                length, stream, sequence, width, height, received = struct.unpack_from(">xB2xIIHHq", message)
                jpeg = message[length:]
                age = "" if offset is None else f", {(time.time() * 1e6 + offset - received) / 1e3:.0f} ms old"
                print(f"{names[stream][0]} #{sequence}: {width}x{height}, {len(jpeg)} bytes{age}", flush=True)
                await relay.send(struct.pack(">BxHII", 1, 0, stream, sequence))
        except websockets.ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code == 4403:  # no longer allowed
                sys.exit(str(closed))


logging.basicConfig(level=logging.INFO)
asyncio.run(watch(*sys.argv[1:]))
