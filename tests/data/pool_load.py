"""Thousands of clients of PgBouncer in one process: each signs in, opens a transaction, and goes when it is told to."""

import selectors
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, Self

from psycopg import pq
from psycopg.conninfo import make_conninfo

_WAIT_SECONDS = 240.0
_TICK = 0.05


class State(Enum):
    """How far a client is."""

    SIGNING_IN = auto()
    WAITING = auto()
    """It has asked for a transaction, and PgBouncer has no server connection for it yet."""
    HOLDING = auto()
    """Its transaction is open, and with it its hold of a server connection."""
    DONE = auto()
    """Its transaction is committed and it is gone."""
    REFUSED = auto()


class Client:
    """One connection, never waited for."""

    def __init__(self, group: str, options: Mapping[str, Any]) -> None:
        self.group = group
        """For whom it comes, such as the name of an application."""
        self.state = State.SIGNING_IN
        self.said = ""
        """Why it was refused."""
        self.events = selectors.EVENT_WRITE
        self._started = pq.PGconn.connect_start(make_conninfo(**options).encode())

    @property
    def socket(self) -> int:
        """Its socket."""
        return self._started.socket

    def go_on(self, *, leave: bool) -> None:
        """Do what can be done without waiting; with `leave` a transaction that is open is committed."""
        if self.state is State.SIGNING_IN:
            self._sign_in()
        elif self.state in (State.WAITING, State.HOLDING):
            self._read(leave=leave)

    def leave(self) -> None:
        """Commit what is open."""
        if self.state is State.HOLDING:
            self._started.send_query(b"commit")

    def close(self) -> None:
        """End it, whatever it does."""
        self._started.finish()

    def _sign_in(self) -> None:
        polled = self._started.connect_poll()
        if polled == pq.PollingStatus.FAILED:
            self._refuse()
        elif polled == pq.PollingStatus.OK:
            self._started.nonblocking = 1
            self._started.send_query(b"begin; select txid_current()")
            self._started.flush()
            self.state, self.events = State.WAITING, selectors.EVENT_READ
        else:
            writes = polled == pq.PollingStatus.WRITING
            self.events = selectors.EVENT_WRITE if writes else selectors.EVENT_READ

    def _read(self, *, leave: bool) -> None:
        try:
            self._started.consume_input()
        except Exception:  # the other side has ended it
            self._refuse()
            return
        while not self._started.is_busy():
            result = self._started.get_result()
            if result is None:
                self._finished(leave=leave)
                return
            if result.status == pq.ExecStatus.FATAL_ERROR:
                self._refuse()
                return

    def _finished(self, *, leave: bool) -> None:
        """What it asked for has been done: the transaction is open, or committed."""
        if self._started.transaction_status == pq.TransactionStatus.IDLE:
            self.state = State.DONE
            self.close()
            return
        self.state = State.HOLDING
        if leave:
            self.leave()

    def _refuse(self) -> None:
        self.state = State.REFUSED
        self.said = self._started.get_error_message().strip()
        self.close()


class Crowd:
    """Clients that go on together; a block ends them."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.leaving = False
        """Whether transactions are committed as soon as they are open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()

    def come(self, group: str, options: Mapping[str, Any], count: int) -> None:
        """Start so many further clients with these options of libpq."""
        self.clients += [Client(group, options) for _ in range(count)]

    def leave(self) -> None:
        """Have every transaction committed, also those that are still to be opened."""
        self.leaving = True
        for client in self.clients:
            client.leave()

    def states(self, group: str | None = None) -> Counter[State]:
        """How many are how far, of one group or of all."""
        return Counter(it.state for it in self.clients if group in (None, it.group))

    def until(self, enough: Callable[[], bool], each: Callable[[], None] = lambda: None, *, refusals: int = 0) -> None:
        """Let them go on until it is enough; `each` is called again and again. Raises `AssertionError` with the states.

        That is when more than so many `refusals` come, or when nothing goes on for so long that only a mistake does it.
        """
        end = time.monotonic() + _WAIT_SECONDS
        while True:
            each()
            if enough():
                return
            assert self.states()[State.REFUSED] <= refusals, f"{self.states()}, {set(self.said())}"
            assert time.monotonic() < end, f"nothing goes on: {self.states()}, {set(self.said())}"
            self._tick()

    def said(self) -> Iterable[str]:
        """What those were told who were refused."""
        return (it.said for it in self.clients if it.state is State.REFUSED)

    def _tick(self) -> None:
        active = [it for it in self.clients if it.state not in (State.DONE, State.REFUSED)]
        with selectors.DefaultSelector() as selector:
            # A socket changes while libpq signs in, so all are told anew.
            for client in active:
                selector.register(client.socket, client.events, client)
            for key, _ in selector.select(_TICK) if active else ():
                key.data.go_on(leave=self.leaving)
        if not active:
            time.sleep(_TICK)
