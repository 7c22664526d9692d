"""The search for cyclic garbage: rare while records are read and diagnosed, and afterwards as it was found."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from charger_triage.adapters.files import UnreadableInput, read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.garbage import COLLECTED_AFTER, seldom_collected

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual_threshold() -> Iterator[None]:
    """Python's own threshold, whatever the run of the tests has set."""
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def test_seldom_within_and_as_before_afterwards() -> None:
    """Within it the threshold is high; an error leaves it as it was found."""
    with pytest.raises(ZeroDivisionError), seldom_collected():
        assert gc.get_threshold() == (COLLECTED_AFTER, *USUAL[1:])
        raise ZeroDivisionError
    assert gc.get_threshold() == USUAL


def test_the_last_one_to_leave_puts_it_back() -> None:
    """Calls that overlap, as those of several threads do, leave the threshold as the first one found it."""
    first, second = ExitStack(), ExitStack()
    first.enter_context(seldom_collected())
    second.enter_context(seldom_collected())
    first.close()
    assert gc.get_threshold()[0] == COLLECTED_AFTER
    second.close()
    assert gc.get_threshold() == USUAL


@pytest.mark.parametrize("found", [(0, 10, 10), (COLLECTED_AFTER + 1, 5, 5)])
def test_higher_thresholds_and_none_are_left_alone(found: tuple[int, int, int]) -> None:
    """Who has Python look more seldom still, or never, is not overruled."""
    gc.set_threshold(*found)
    with seldom_collected():
        assert gc.get_threshold() == found
    assert gc.get_threshold() == found


def test_what_others_set_meanwhile_stays() -> None:
    """A threshold that was set by somebody else within is not taken back."""
    with seldom_collected():
        gc.set_threshold(1_000, 20, 20)
    assert gc.get_threshold() == (1_000, 20, 20)


class Watched(io.StringIO):
    """A stream that notes the threshold at which it is read."""

    threshold: tuple[int, int, int] | None = None

    def read(self, size: int | None = -1) -> str:
        """Everything that is left."""
        self.threshold = gc.get_threshold()
        return super().read(size)


@pytest.mark.parametrize("text", ['{"events": []}', "no bundle"])
def test_reading_a_bundle(text: str) -> None:
    """A bundle is read with collections far apart, and the process' threshold is put back, unreadable or not."""
    stream = Watched(text)
    with ExitStack() as refused:
        if text == "no bundle":
            refused.enter_context(pytest.raises(UnreadableInput))
        read_bundle(stream)
    assert stream.threshold == (COLLECTED_AFTER, *USUAL[1:])
    assert gc.get_threshold() == USUAL


class Noting:
    """Knowledge that notes the threshold at which it is asked."""

    def __init__(self, knowledge: Any) -> None:
        self._knowledge = knowledge
        self.threshold: tuple[int, int, int] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._knowledge, name)

    def survey(self, records: Any, as_of: float | None = None) -> Any:
        """The incidents of a bundle."""
        self.threshold = gc.get_threshold()
        return self._knowledge.survey(records, as_of)


def test_diagnosing_a_bundle() -> None:
    """A bundle is diagnosed with collections far apart, and the process' threshold is put back."""
    knowledge = Noting(Triage().knowledge)
    Triage(knowledge).diagnose(read_bundle(io.StringIO('{"events": []}')))
    assert knowledge.threshold == (COLLECTED_AFTER, *USUAL[1:])
    assert gc.get_threshold() == USUAL
