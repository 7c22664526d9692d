"""Calls paired with their answers: by message id, charger and direction; and what does not pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .frames import CALL, FROM_CHARGER, SEND, TO_CHARGER, Direction, Frame
from .values import items

LATE_S = 30.0
"""An answer that takes longer is late: by then the ocpp package and the common platforms have given up waiting."""

MOST_WAITING = 64
"""Calls of one charger that wait for an answer; the oldest is given up (our judgement: one at a time is the standard's rule)."""

MOST_REMEMBERED = 512
"""Message ids of one charger that are remembered to notice a repeated one (our judgement: days of an idle charger)."""

PATIENCE_S = 600.0
"""Seconds after which a call is given up where the log goes on (our judgement: twenty times what a platform waits)."""

MOST_WORDS = 64
"""Words of direction whose meaning is remembered (our judgement: a log has two)."""

OTHER: dict[Direction, Direction] = {"from-charger": "to-charger", "to-charger": "from-charger"}


@dataclass(slots=True)
class Call:
    """A call that waits for its answer; `done` says that it gave its records already."""

    frame: Frame
    direction: Direction
    time: float | None
    done: bool = False


class Repetition(NamedTuple):
    """A message id that was used before by the same side; `same_message` says that it is the same message once more: its
    action and the time that it tells are the same too."""

    same_message: bool


class _Seen(NamedTuple):
    action: str
    moment: str | None
    connection: int


def _moment_in(frame: Frame) -> str | None:
    """The time that a message tells, as it spells it: with its id and action it makes the message one of its kind."""
    payload = frame.payload
    told = payload.get("timestamp") or payload.get("generatedAt")
    if told is None and (values := items(payload.get("meterValue"))):
        told = values[0].get("timestamp")
    return told if told.__class__ is str else None


class Directions:
    """What a log's words of direction mean: learned from messages that only one side sends.

    A word that was seen with both directions means none.
    """

    def __init__(self) -> None:
        self._meanings: dict[str, Direction | None] = {
            "chargepoint>centralsystem": "from-charger",
            "centralsystem>chargepoint": "to-charger",
        }

    def of_call(self, frame: Frame) -> Direction:
        """The direction of a call: by its action, else by its word, else as from a charger."""
        from_charger, to_charger = frame.action in FROM_CHARGER, frame.action in TO_CHARGER
        if frame.action != "DataTransfer" and from_charger != to_charger:
            direction: Direction = "from-charger" if from_charger else "to-charger"
            if frame.word is not None and self._meanings.get(frame.word, "") != direction:
                self._learn(frame.word, direction)
            return direction
        return self.of_word(frame.word) or ("to-charger" if to_charger else "from-charger")

    def _learn(self, word: str, direction: Direction) -> None:
        if word in self._meanings:
            self._meanings[word] = None
        elif len(self._meanings) < MOST_WORDS:
            self._meanings[word] = direction

    def of_word(self, word: str | None) -> Direction | None:
        """What a word of direction means, where that is known."""
        return None if word is None else self._meanings.get(word)


class Pairing:
    """The calls of one charger that wait for their answers."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Direction, str], Call] = {}
        self._seen: dict[tuple[Direction, str], _Seen] = {}
        self._latest: dict[Direction, str] = {}
        self._connection = 0
        self.has_answers = False
        """Whether any call was seen answered: in a log of calls alone no answer can be missed."""

    def reconnected(self) -> None:
        """A new connection was made: ids may be used again for other messages (OCPP-J 1.6, 4.1.4)."""
        self._connection += 1

    def call(
        self, frame: Frame, direction: Direction, time: float | None
    ) -> tuple[Call, list[Call], Repetition | None]:
        """Take a call: the call, those given up because of it, and how its id repeats an earlier one of this direction."""
        key = (direction, frame.id)
        repeated = self._repetition(key, frame)
        made = Call(frame, direction, time)
        if frame.kind == SEND:
            return made, [], repeated
        given_up = [before] if (before := self._waiting.pop(key, None)) is not None else []
        given_up.extend(self._impatient(time))
        self._waiting[key] = made
        return made, given_up, repeated

    def _repetition(self, key: tuple[Direction, str], frame: Frame) -> Repetition | None:
        said = _Seen(frame.action, _moment_in(frame), self._connection)
        before = self._seen.get(key)
        at_once = self._latest.get(key[0]) == frame.id
        self._latest[key[0]] = frame.id
        self._seen[key] = said
        if before is None:
            if len(self._seen) > MOST_REMEMBERED:
                del self._seen[next(iter(self._seen))]
            return None
        # What tells no time is alike each time: after a restart that counts ids anew it is another message. A boot is told on a
        # connection of its own, whether or not the log has a line about that.
        is_same = (before.action, before.moment) == (said.action, said.moment)
        if is_same and (at_once or said.moment is not None):
            return Repetition(same_message=True)
        is_new = before.connection != self._connection or frame.action == "BootNotification"
        return None if is_new else Repetition(same_message=False)

    def _impatient(self, time: float | None) -> list[Call]:
        given_up: list[Call] = []
        while self._waiting:
            key, oldest = next(iter(self._waiting.items()))
            too_old = time is not None and oldest.time is not None and time - oldest.time > PATIENCE_S
            if not too_old and len(self._waiting) < MOST_WAITING:
                break
            given_up.append(self._waiting.pop(key))
        return given_up

    def answer(self, frame: Frame, direction: Direction | None) -> Call | None:
        """The call that an answer belongs to; `direction` is the answer's, where it is known."""
        asked = None if direction is None else OTHER[direction]
        directions: tuple[Direction, ...] = ("from-charger", "to-charger") if asked is None else (asked,)
        for of_call in directions:
            call = self._waiting.pop((of_call, frame.id), None)
            if call is not None:
                self.has_answers = True
                return call
        return None

    def abandon(self) -> list[Call]:
        """Give up every call: the connection is closed, or the log has ended."""
        given_up = list(self._waiting.values())
        self._waiting.clear()
        return given_up


def is_call(frame: Frame) -> bool:
    """Whether a frame asks for something, or tells it."""
    return frame.kind in (CALL, SEND)
