"""Play the history of a seed and print it: `python -m tests.histories.play --seed 17`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.histories.history import Figures, History
from tests.histories.laws import LawBroken
from tests.histories.worker import Kill, Worker

BROKEN = "law broken: "


@contextmanager
def working() -> Iterator[Worker]:
    """A worker for some histories, ended with them."""
    worker = Worker()
    try:
        yield worker
    finally:
        worker.end()


def main() -> int:
    """Exit 1, with the law and the story up to it, if a law does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kill", metavar="FUNCTION", help="kill every command when that returns")
    asked = parser.parse_args()
    kill = Kill(function=asked.kill, event="return") if asked.kill else None
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder, working() as worker:
        history = History(asked.seed, folder=Path(folder), worker=worker, figures=figures, kill=kill)
        try:
            history.play()
        except LawBroken as broken:
            sys.stdout.write(f"{BROKEN}{broken}\n")
            return 1
    sys.stdout.write(
        "\n".join([*history.story, ", ".join(f"{each} {name}" for name, each in figures.told.items())]) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
