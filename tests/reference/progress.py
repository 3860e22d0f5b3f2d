"""A line now and then from what takes long."""

from __future__ import annotations

import time


class Progress:
    """`progress(n)` after each piece prints how many are done, every 15 seconds at most."""

    def __init__(self, what: str):
        self.what, self.started = what, time.time()
        self.last = self.started

    def seconds(self) -> float:
        return time.time() - self.started

    def __call__(self, n: int) -> None:
        if time.time() - self.last > 15:
            self.last = time.time()
            print(f"{n:5} {self.what} so far, {self.seconds():.0f} s", flush=True)
