"""How long `explain` takes: in fresh processes the first answer after the imports, text included, and the command as a whole."""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
from pathlib import Path
from statistics import median
from time import perf_counter

QUESTIONS = {
    "a code": "421",
    "a title": "contactor weld",
    "a title, misspelt": "reconect storm",
    "words, one code fits": "hums but no current",
    "words, several codes fit": "charging slow",
    "words, misspelt": "conector overheting in sumer",
    "a code and words": "F-0301 at night",
    "words that fit nothing": "where is my invoice",
    "600 characters": "it hums and clicks and drops off at night and the plug is hot " * 10,
}
AIM_MS = 100.0
"""Issue 3: under a tenth of a second after import."""

FIRST_ANSWER = """
import io, sys
from time import perf_counter
import charger_triage.adapters.report.symptom_matches, charger_triage.knowledge.fault_search
import charger_triage.knowledge.loading
from charger_triage.adapters.cli.explaining import write_explanation
from charger_triage.adapters.cli.output import Destination
sys.stdout = io.StringIO()
start = perf_counter()
write_explanation(sys.argv[1], "text", Destination())
print((perf_counter() - start) * 1e3, file=sys.stderr)
"""


def first_answer(question: str) -> float:
    """Milliseconds of the first answer in a fresh process, after its imports."""
    done = subprocess.run([sys.executable, "-c", FIRST_ANSWER, question], capture_output=True, text=True, check=True)
    return float(done.stderr)


def whole_command(arguments: list[str]) -> float:
    """Milliseconds from the start of the command to its end."""
    program = Path(sysconfig.get_path("scripts")) / "charger-triage"
    start = perf_counter()
    subprocess.run([str(program), *arguments], capture_output=True, check=True)
    return (perf_counter() - start) * 1e3


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explain", description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args(arguments).repeats
    print(f"Medians and longest of {repeats} fresh processes, wall time; aim for the first answer: {AIM_MS:.0f} ms.\n")
    print(f"| question | first answer, ms | longest, ms | whole command, ms |\n|{' --- |' * 4}")
    for name, question in QUESTIONS.items():
        answers = [first_answer(question) for _ in range(repeats)]
        commands = [whole_command(["explain", question]) for _ in range(repeats)]
        print(f"| {name} | {median(answers):.1f} | {max(answers):.1f} | {median(commands):.0f} |")
    print(
        f"| (the command's --help, for comparison) | | | {median(whole_command(['--help']) for _ in range(repeats)):.0f} |"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
