"""Values that several measurements share are computed once: an incident, or a bundle of records."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from ...scene import Scene

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")
OfScene = Callable[Concatenate[Scene, Arguments], Value]


def once_an_incident(function: OfScene[Arguments, Value]) -> OfScene[Arguments, Value]:
    """Compute the function once for each incident and set of arguments."""

    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def remembered(scene: Scene, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        key = (name, args, tuple(sorted(kwargs.items())) if kwargs else ())
        return scene.once(key, lambda: function(scene, *args, **kwargs))

    return remembered


def once_a_bundle(function: OfScene[Arguments, Value]) -> OfScene[Arguments, Value]:
    """Compute the function once for each set of arguments; it must not depend on the incident otherwise."""

    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def remembered(scene: Scene, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        key = (name, args, tuple(sorted(kwargs.items())) if kwargs else ())
        return scene.shared_once(key, lambda: function(scene, *args, **kwargs))

    return remembered


def once_a_charger(function: Callable[[Scene, str], Value]) -> Callable[[Scene, str], Value]:
    """Compute the function once for each charger, for the incidents of all sites; it must not depend on the incident.

    Of a charger of another site it must not depend on more than the lists of the whole fleet hold.
    """

    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def remembered(scene: Scene, device: str) -> Value:
        return scene.once_of(device, name, lambda: function(scene, device))

    return remembered
