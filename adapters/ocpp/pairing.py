"""Calls paired with their answers: by message id, charger and direction; and what does not pair."""

from __future__ import annotations

from dataclasses import dataclass

from .frames import CALL, FROM_CHARGER, SEND, TO_CHARGER, Direction, Frame

LATE_S = 30.0
"""An answer that takes longer is late: by then the ocpp package and the common platforms have given up waiting."""

MOST_WAITING = 64
"""Calls of one charger that wait for an answer; the oldest is given up (our judgement: one at a time is the standard's rule)."""

MOST_REMEMBERED = 512
"""Message ids of one charger that are remembered to notice a repeated one (our judgement: days of an idle charger)."""

PATIENCE_S = 600.0
"""Seconds after which a call is given up where the log goes on (our judgement: twenty times what a platform waits)."""

OTHER: dict[Direction, Direction] = {"from-charger": "to-charger", "to-charger": "from-charger"}


@dataclass(slots=True)
class Call:
    """A call that waits for its answer; `done` says that it gave its records already."""

    frame: Frame
    direction: Direction
    time: float | None
    done: bool = False


class Directions:
    """What a log's words of direction mean: learned from messages that only one side sends."""

    def __init__(self) -> None:
        self._meanings: dict[str, Direction] = {
            "chargepoint>centralsystem": "from-charger",
            "centralsystem>chargepoint": "to-charger",
        }

    def of_call(self, frame: Frame) -> Direction:
        """The direction of a call: by its action, else by its word, else as from a charger."""
        from_charger, to_charger = frame.action in FROM_CHARGER, frame.action in TO_CHARGER
        if frame.action != "DataTransfer" and from_charger != to_charger:
            direction: Direction = "from-charger" if from_charger else "to-charger"
            if frame.word is not None and len(self._meanings) < 64:
                self._meanings.setdefault(frame.word, direction)
            return direction
        return self.of_word(frame.word) or ("to-charger" if to_charger else "from-charger")

    def of_word(self, word: str | None) -> Direction | None:
        """What a word of direction means, where that is known."""
        return None if word is None else self._meanings.get(word)


class Pairing:
    """The calls of one charger that wait for their answers."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Direction, str], Call] = {}
        self._seen: dict[tuple[Direction, str], None] = {}
        self.has_answers = False
        """Whether any call was seen answered: in a log of calls alone no answer can be missed."""

    def call(self, frame: Frame, direction: Direction, time: float | None) -> tuple[Call, list[Call], bool]:
        """Take a call: the call, those given up because of it, and whether its id was used before in this direction."""
        key = (direction, frame.id)
        repeated = key in self._seen
        self._seen[key] = None
        if len(self._seen) > MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        made = Call(frame, direction, time)
        if frame.kind == SEND:
            return made, [], repeated
        given_up = [before] if (before := self._waiting.pop(key, None)) is not None else []
        given_up.extend(self._impatient(time))
        self._waiting[key] = made
        return made, given_up, repeated

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
        directions: tuple[Direction, ...] = ("from-charger", "to-charger") if direction is None else (OTHER[direction],)
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
