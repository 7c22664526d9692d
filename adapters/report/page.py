"""A page of text: lines wrapped to a width with hanging indents, in colour or plain. No markup is ever read."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.text import Text

NARROWEST = 60
"""Below this the columns of a report have no room; a narrower terminal wraps by itself."""

WIDEST = 120
"""Lines longer than this are hard to read (our judgement), however wide the terminal."""


class Page:
    """Collects lines; `str()` of it is the text. The same lines and width give the same text anywhere."""

    def __init__(self, width: int = 80, *, colour: bool = False) -> None:
        self.width = max(NARROWEST, min(width, WIDEST))
        self._out = StringIO()
        self._console = Console(
            file=self._out,
            width=self.width,
            height=25,
            force_terminal=colour,
            no_color=not colour,
            color_system="standard" if colour else None,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def __str__(self) -> str:
        return self._out.getvalue()

    def blank(self) -> None:
        """An empty line."""
        self._out.write("\n")

    def heading(self, text: str, style: str = "bold") -> None:
        """A section's heading, set off by an empty line."""
        self.blank()
        self.line(text, style=style)

    def rule(self) -> None:
        """A thin line across the page, set off by an empty line."""
        self.blank()
        self.line(Text("─" * self.width, "dim"))

    def line(
        self, body: str | Text, *, label: str | Text = "", indent: int = 0, hang: int = 0, style: str = ""
    ) -> None:
        """A paragraph after a label; its lines stand below each other, `hang` columns right of the indent."""
        text = Text(body, style) if isinstance(body, str) else body
        lead = Text(label) if isinstance(label, str) else label
        hang = max(hang, lead.cell_len)
        room = max(20, self.width - indent - hang)
        for number, wrapped in enumerate(text.wrap(self._console, room, overflow="fold")):
            wrapped.rstrip()
            start = Text(" " * indent)
            start.append_text(lead if number == 0 else Text())
            start.append(" " * (hang - (lead.cell_len if number == 0 else 0)))
            start.append_text(wrapped)
            if not wrapped.plain:
                start.rstrip()
            if self._console.no_color:  # rich would write the same characters, three times as slowly
                self._out.write(f"{start.plain}\n")
            else:
                self._console.print(start, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)
