"""Baseline: websockets, and the parsing and the trade handler of cryptofeed. It stores nothing.

cryptofeed itself subscribes to aggregate trades of Binance; its handler takes trades once their id has the name that
it looks for. See ../task.ts for the argument and the lines on stdout. The versions are those of requirements.txt.
"""
import asyncio
import json as stdlib_json
import sys
import time
from decimal import Decimal

import uvloop
import websockets
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols
from yapic import json

SIZE_UNITS = 100_000_000
REQUEST_GAP_SECS = 0.4

task = stdlib_json.loads(sys.argv[1])


def tell(event):
    print(stdlib_json.dumps(event), flush=True)


class Count:
    messages = 0
    size = 0
    warm = 0.0

    async def __call__(self, trade, received):
        self.messages += 1
        self.size += int(trade.amount * SIZE_UNITS)
        if self.messages == task["warmup"]:
            self.warm = time.perf_counter()
            tell({"kind": "warm"})


async def main():
    count = Count()
    symbols = task["symbols"]
    # names that need no request to the exchange
    Symbols.set(Binance.id, {symbol: symbol for symbol in symbols}, {"instrument_type": {}})
    feed = Binance(symbols=symbols, channels=[TRADES], callbacks={TRADES: count})
    async with websockets.connect(task["url"], compression=None, max_size=None) as socket:
        for text in task["subscribe"][0]:
            await socket.send(text)
            await asyncio.sleep(REQUEST_GAP_SECS)
        end = task["warmup"] + task["messages"]
        async for text in socket:
            received = time.time()
            trade = json.loads(text, parse_float=Decimal).get("data")
            if trade is None:
                continue
            trade["a"] = trade["t"]
            await feed._trade(trade, received)
            if count.messages == end:
                break
        wall_us = (time.perf_counter() - count.warm) * 1e6
        tell({"kind": "result", "messages": count.messages, "size": count.size, "wall_us": wall_us})
        socket.transport.abort()


uvloop.run(main())
