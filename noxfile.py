"""The test suite on every supported Python; an interpreter that is absent is skipped with a line that says so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import nox

PYTHONS = ("3.11", "3.12", "3.13")

nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True


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


def absent(session: nox.Session) -> None:
    """Stand in for an interpreter that is not installed."""
    session.skip("this Python is not installed here")


for python in PYTHONS:
    if python not in PRESENT:
        nox.session(name=f"tests-{python}", venv_backend="none")(absent)
