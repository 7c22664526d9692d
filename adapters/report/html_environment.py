"""How templates of HTML pages are filled: everything is escaped, and no text holds what cannot be seen."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import wording


def html_environment(package: str, longest_text: int = wording.LONGEST_TEXT) -> Environment:
    """The environment of the templates in a package; texts of data are cut after so many characters."""

    def shown(value: Any) -> Any:
        """What a template writes of a value: numbers and our own markup as they are, other text cleaned."""
        if isinstance(value, (Markup, int, float)):
            return value
        return "" if value is None else wording.clean(value, longest_text)

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
