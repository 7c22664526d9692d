"""The test suite, and the built wheel, on every supported Python; an interpreter that is absent is skipped with a line that says so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")

nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = [f"tests-{python}" for python in PYTHONS]


def show_pyenv_pythons() -> None:
    """pyenv hides all but the chosen versions behind shims that fail; choose every supported one that is installed."""
    if "PYENV_VERSION" in os.environ or shutil.which("pyenv") is None:
        return
    listed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False).stdout.split()
    wanted = [name for name in listed if re.fullmatch(r"3\.1[123]\.\d+", name)]
    if wanted:
        os.environ["PYENV_VERSION"] = ":".join(wanted)


def runs(python: str) -> bool:
    """Whether an interpreter of this version starts; a shim may exist for one that is not installed."""
    command = shutil.which(f"python{python}")
    return command is not None and subprocess.run([command, "-c", ""], capture_output=True, check=False).returncode == 0


show_pyenv_pythons()


PRESENT = [python for python in PYTHONS if runs(python)]


@nox.session(python=PRESENT)
def tests(session: nox.Session) -> None:
    """Run the tests against the installed package."""
    session.install(".[dev]")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python=PRESENT)
def wheel(session: nox.Session) -> None:
    """Install the wheel that was built, diagnose an example and run every case beside the rules, on an interpreter of its own."""
    session.install(*map(str, Path("dist").glob("*.whl")))
    session.run("charger-triage", "diagnose", "examples/f0101-inrush-weld.json", silent=True)
    session.run("charger-triage", "kb", "test")


def absent(session: nox.Session) -> None:
    """Stand in for an interpreter that is not installed."""
    session.skip("this Python is not installed here")


for python in PYTHONS:
    if python not in PRESENT:
        for name in ("tests", "wheel"):
            nox.session(name=f"{name}-{python}", venv_backend="none")(absent)
