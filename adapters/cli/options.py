"""Options that several commands take alike."""

from __future__ import annotations

from typing import Annotated

import typer

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders or zips; - for standard input.")]
OneCharger = Annotated[str | None, typer.Option(metavar="ID", help="Only incidents of this charger.")]
OneCode = Annotated[str | None, typer.Option(metavar="CODE", help="Only incidents of this fault code.")]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="The moment of the diagnosis; what came later is left out."),
]
KnowledgeFolder = Annotated[
    str | None,
    typer.Option(
        "--knowledge",
        metavar="DIR",
        help="Rules, checks and early warnings of this folder in place of the installed ones.",
    ),
]
