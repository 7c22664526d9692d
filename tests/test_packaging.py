"""What is installed: every folder of code is a listed package, and the documents name what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_of_code_is_packaged() -> None:
    """A room that pyproject.toml forgets would be missing from the wheel."""
    folders = {
        "charger_triage." + ".".join(module.parent.relative_to(ROOT).parts)
        for room in ("engine", "knowledge", "adapters")
        for module in (ROOT / room).rglob("*.py")
    }
    assert folders == set(PROJECT["tool"]["setuptools"]["packages"])


def test_the_readme_names_every_command() -> None:
    """A command nobody documents is a command nobody finds."""
    from charger_triage.adapters.cli.commands import app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    commands += [group.name or "" for group in app.registered_groups]
    assert commands
    for command in commands:
        assert f"charger-triage {command}" in readme, command
