"""Executors that fail as pools do."""

import pickle
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor


class Lost:
    """A pool that pickles what it is sent, as one of processes does, and has lost its worker after the first job."""

    def __init__(self):
        self.sent = 0

    def submit(self, function, *arguments):
        self.sent += 1
        if self.sent == 1:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(function, *pickle.loads(pickle.dumps(arguments)))
        if self.sent > 2:
            raise RuntimeError("the pool is closed")
        future = Future()
        future.set_exception(BrokenExecutor("a worker is lost"))
        return future
