#!/usr/bin/env python3
"""Pushes JPEG files as a camera does, again and again, and obeys the relay:

    push.py ws://door:KEY@relay.example:8080/ws/push/door 10 one.jpg two.jpg

The second argument is the frame rate. See docs/protocol.md, section 1.
"""
import asyncio
import itertools
import json
import logging
import struct
import sys
import time

import websockets  # apt install python3-websockets, or pip install websockets

FRAGMENT = 4096


class Camera:
    def __init__(self, fps, files):
        self.settings = {"fps": fps}
        self.files = files
        self.sent = 0
        self.begin()

    def begin(self):
        """What a new connection starts with."""
        self.pace = {"fps": 0, "still": 0}
        self.paused = False
        self.changed = asyncio.Event()

    def interval(self):
        """Seconds to the next frame; None: until something changes."""
        if self.paused:
            return None
        if self.pace["still"] > 0:  # nobody watches: a still now and then
            return self.pace["still"]
        rates = [rate for rate in (self.settings["fps"], self.pace["fps"]) if rate > 0]
        return 1 / min(rates, default=10)

    async def push(self, relay):
        await relay.send(json.dumps({"t": "hello", "firmware": "push.py", "settings": self.settings}))
        for jpeg in itertools.cycle(self.files):
            if not self.paused:
                await relay.send(fragments(stamped(jpeg, self.sent)))
                self.sent += 1
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), self.interval())
            except asyncio.TimeoutError:
                pass

    async def obey(self, relay):
        async for text in relay:
            command = json.loads(text)
            ack = {"t": "ack", "id": command.get("id"), "ok": True}
            if command["t"] == "pace":
                self.pace = command
            elif command["t"] in ("pause", "resume"):
                self.paused = command["t"] == "pause"
            elif command["t"] == "set":
                ack["settings"] = {k: v for k, v in command["settings"].items() if k in self.settings}
                self.settings.update(ack["settings"])
            else:
                continue  # of a newer relay
            self.changed.set()
            if "id" in command:
                await relay.send(json.dumps(ack))


def stamped(jpeg, number):
    """The picture with the time at which it was taken, in a COM segment after FFD8."""
    body = struct.pack(">4sIqI", b"crl1", number, time.time_ns() // 1000, 0)
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(body)) + body + jpeg[2:]


async def fragments(jpeg):
    for at in range(0, len(jpeg), FRAGMENT):
        yield jpeg[at : at + FRAGMENT]


async def main(url, fps, *paths):
    files = []
    for path in paths:
        with open(path, "rb") as file:
            files.append(file.read())
    camera = Camera(int(fps), files)
    async for relay in websockets.connect(url, subprotocols=["camrelay.camera.v1"]):  # comes back by itself
        camera.begin()
        tasks = [asyncio.ensure_future(job(relay)) for job in (camera.push, camera.obey)]
        try:
            await asyncio.gather(*tasks)
        except websockets.ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code == 4003:  # the key is void, or the camera was removed
                sys.exit(str(closed))
            if closed.rcvd and closed.rcvd.code in (4001, 4002):  # an update; another one took our place
                await asyncio.sleep(60)
        finally:
            for task in tasks:
                task.cancel()


logging.basicConfig(level=logging.INFO)
asyncio.run(main(*sys.argv[1:]))
