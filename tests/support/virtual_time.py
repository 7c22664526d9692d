"""An event loop whose clock jumps over every wait in which nothing can happen, so that hours of back-off take no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

GRACE_S = 0.002
"""Real seconds that a wait lasts before the clock jumps; both ends of a loopback socket are in this loop."""

STUCK_S = 20.0
"""Real seconds without any timer or event after which a test is stuck."""

LONGEST_S = 20_000.0
"""Virtual seconds that a test may take."""


class _JumpingSelector(selectors.DefaultSelector):
    ahead = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            ready = super().select(STUCK_S)
            if not ready:
                raise RuntimeError("the test waits for something that cannot come")
            return ready
        ready = super().select(min(timeout, GRACE_S))
        if not ready and timeout > GRACE_S and not self.threads:
            self.ahead += timeout - GRACE_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop with a clock that jumps, but not while a thread is at work."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.ahead

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        self._jumping.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        del timeout  # it would be a wait in which the clock jumps
        self._jumping.threads += 1
        await super().shutdown_default_executor()

    def _thread_ended(self, _: Any) -> None:
        self._jumping.threads -= 1


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(asyncio.wait_for(work, LONGEST_S))
