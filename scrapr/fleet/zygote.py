"""The preloaded parent of all local replicas.

It has imported what replicas need, and forks one per request: 10 ms and a few MiB each, where a fresh interpreter
takes 400 ms and 40 MiB. It is one thread without an event loop, because neither threads nor loops survive a fork.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from scrapr.fleet import child, doorstep, wakeup, wire
from scrapr.fleet.peer import Peer
from scrapr.fleet.roster import Roster
from scrapr.model import errors

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from scrapr.fleet.replica import Replica, ReplicaSpec

LONGEST_WAIT = 60.0
"""Seconds after which the loop looks at its children even if nothing was reported."""

MOST_PEERS = 256
"""Clients at a time; further ones are turned away."""

log = structlog.get_logger(__name__)


def serve(socket_path: Path, run: Callable[[str, Mapping[str, str]], int], *, grace: float = 5.0) -> None:
    """Fork replicas on request until SIGTERM or SIGINT; then stop them all, and return.

    `run(role, environment)` is called in the child and returns its exit code. At the end each replica has `grace`
    seconds between SIGTERM and SIGKILL; a second SIGTERM takes them at once. Call it from the main thread of a process
    that has no other. Raises `errors.Conflict` when another zygote answers at the path.
    """
    _require_one_thread()
    with doorstep.listening(socket_path) as listener, wakeup.listening() as wakeup_fd:
        # What is loaded now is never looked at again by the collector: its pages stay shared with the children.
        gc.collect()
        gc.freeze()
        Zygote(listener, wakeup_fd, run, grace).serve()


def _require_one_thread() -> None:
    tasks = Path("/proc/self/task")
    count = len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()
    if count > 1 or threading.current_thread() is not threading.main_thread():
        names = ", ".join(thread.name for thread in threading.enumerate())
        raise RuntimeError(f"a zygote forks, so it must be the only thread; there are {count}: {names}")


@dataclass
class _Stop:
    """A replica that has been sent SIGTERM."""

    deadline: float
    """On the monotonic clock; SIGKILL then."""
    waiting: list[Peer] = field(default_factory=list)
    """Who is told when it is gone."""


class Zygote:
    """The loop: requests, exits, deadlines."""

    def __init__(
        self,
        listener: socket.socket,
        wakeup_fd: int,
        run: Callable[[str, Mapping[str, str]], int],
        grace: float,
    ) -> None:
        self._listener = listener
        self._wakeup = wakeup_fd
        self._run = run
        self._grace = grace
        self._roster = Roster()
        self._peers: set[Peer] = set()
        self._watchers: set[Peer] = set()
        self._stops: dict[str, _Stop] = {}
        self._stopping = False
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Run until asked to end and every replica is gone."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        try:
            while not (self._stopping and not self._roster.running()):
                for key, events in self._selector.select(self._patience()):
                    self._attend(key, events)
                self._reap()
                self._enforce_deadlines()
        finally:
            self._close()

    def _attend(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif key.fd == self._wakeup:
            self._hear_signals()
        else:
            self._talk(key.data, events)

    def _patience(self) -> float:
        now = time.monotonic()
        return min([LONGEST_WAIT, *(max(0.0, stop.deadline - now) for stop in self._stops.values())])

    # -- clients

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if len(self._peers) >= MOST_PEERS:
            connection.close()
            return
        peer = Peer(connection)
        self._peers.add(peer)
        self._selector.register(connection, selectors.EVENT_READ, peer)

    def _talk(self, peer: Peer, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            peer.flush()
        if events & selectors.EVENT_READ:
            for line in peer.receive():
                self._obey(peer, line)
        self._settle(peer)

    def _obey(self, peer: Peer, line: bytes) -> None:
        try:
            request = wire.decode_request(line)
            match request:
                case wire.Start(spec=spec):
                    peer.send(wire.encode(wire.Answer((self._start(spec),))))
                case wire.Stop(name=name, grace=grace):
                    self._stop(name, grace, peer)
                case wire.Census():
                    peer.send(wire.encode(wire.Answer(self._roster.all())))
                case wire.Watch():
                    self._watchers.add(peer)
                    peer.send(wire.encode(wire.Answer(self._roster.all())))
        except errors.Refused as e:
            peer.send(wire.encode(wire.Answer(refused=e.detail)))
        except errors.Unavailable as e:
            peer.send(wire.encode(wire.Answer(unavailable=e.detail)))

    def _settle(self, peer: Peer) -> None:
        """Forget a client that left; wait for one that is slow to read."""
        if peer not in self._peers:
            return
        if not peer.alive:
            self._peers.discard(peer)
            self._watchers.discard(peer)
            self._selector.unregister(peer.connection)
            peer.connection.close()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.has_waiting else 0)
        self._selector.modify(peer.connection, events, peer)

    def _tell(self, replica: Replica) -> None:
        line = wire.encode(wire.Answer((replica,)))
        for peer in tuple(self._watchers):
            peer.send(line)
            self._settle(peer)

    # -- replicas

    def _start(self, spec: ReplicaSpec) -> Replica:
        running = self._roster.find_running(spec.name)
        if running is not None:
            return running
        if self._stopping:
            raise errors.Unavailable(f"replica {spec.name} is not started: the zygote is stopping")
        pid = child.fork(spec, self._run, self._abandon)
        replica = self._roster.note_start(spec, pid, datetime.now(UTC))
        log.info("replica started", name=spec.name, role=spec.role, pid=pid)
        self._tell(replica)
        return replica

    def _stop(self, name: str, grace: float, peer: Peer | None = None) -> None:
        replica = self._roster.find_running(name)
        if replica is None:
            if peer is not None:
                peer.send(wire.encode(wire.Answer()))
            return
        deadline = time.monotonic() + grace
        if name not in self._stops:
            self._stops[name] = _Stop(deadline)
            # Once: to a role the second signal means "now". Not reaped yet, so the process id is still its own.
            os.kill(replica.pid, signal.SIGTERM)
        stop = self._stops[name]
        stop.deadline = min(stop.deadline, deadline)
        if peer is not None:
            stop.waiting.append(peer)

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for name, stop in self._stops.items():
            replica = self._roster.find_running(name)
            if replica is not None and stop.deadline <= now:
                log.warning("replica killed", name=name, pid=replica.pid, reason="its grace is over")
                os.kill(replica.pid, signal.SIGKILL)
                stop.deadline = now + LONGEST_WAIT

    def _reap(self) -> None:
        for replica in self._roster.running():
            # Seen, its group killed, and only then taken: until then no other process can have its id.
            if os.waitid(os.P_PID, replica.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(replica.pid, signal.SIGKILL)
            _, status = os.waitpid(replica.pid, 0)
            self._bury(replica, os.waitstatus_to_exitcode(status))

    def _bury(self, replica: Replica, code: int) -> None:
        exited = self._roster.note_exit(replica.name, code)
        log.info("replica exited", name=replica.name, role=replica.role, pid=replica.pid, exit_code=code)
        stop = self._stops.pop(replica.name, None)
        for peer in stop.waiting if stop is not None else ():
            peer.send(wire.encode(wire.Answer((exited,))))
            self._settle(peer)
        self._tell(exited)

    # -- the end

    def _hear_signals(self) -> None:
        numbers = os.read(self._wakeup, 4096)
        for number in numbers:
            if number in {signal.SIGTERM, signal.SIGINT}:
                grace = 0.0 if self._stopping else self._grace
                self._stopping = True
                for replica in self._roster.running():
                    self._stop(replica.name, grace)

    def _abandon(self) -> None:
        """In a forked child: close every descriptor that is the zygote's."""
        self._close()
        os.close(self._wakeup)

    def _close(self) -> None:
        self._selector.close()
        self._listener.close()
        for peer in self._peers:
            peer.connection.close()
        self._peers.clear()
        self._watchers.clear()
