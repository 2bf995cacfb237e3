"""Damages: a flipped bit, a cut or a lost file, at places drawn from a seed."""

import random
from dataclasses import dataclass
from pathlib import Path

from tests.damage.settled_world import SettledWorld

# How often each thing is damaged; the log only where there is one.
_TARGETS = {"warehouse": 8, "log": 6, "delivery": 3, "journal": 3, "export": 2}
_KINDS = {"flip": 6, "cut": 3, "lose": 1}


@dataclass(frozen=True)
class Damage:
    """What was done to which file."""

    target: str
    kind: str
    file: str
    place: int

    def __str__(self) -> str:
        return f"{self.kind} in {self.target} {self.file} at {self.place:,}"


def do_damage(world: SettledWorld, *, seed: int) -> Damage:
    """Damage one file of the world; the same one at the same place for the same seed."""
    rng = random.Random(seed)
    targets = {name: weight for name, weight in _TARGETS.items() if name != "log" or world.log.exists()}
    target = _drawn(rng, targets)
    file = rng.choice(_files(world, target))
    kind = _drawn(rng, _KINDS)
    place = rng.randrange(max(1, file.stat().st_size))
    if kind == "flip":
        place = _flip(file, place=place, rng=rng)
    elif kind == "cut":
        with file.open("r+b") as opened:
            opened.truncate(place)
    else:
        file.unlink()
    return Damage(target, kind, str(file.relative_to(world.folder)), place)


def _files(world: SettledWorld, target: str) -> list[Path]:
    return {
        "warehouse": [world.warehouse],
        "log": [world.log],
        "delivery": world.deliveries,
        "journal": [world.journal],
        "export": sorted(world.folder_of(world.issued).iterdir()),
    }[target]


def _flip(file: Path, *, place: int, rng: random.Random) -> int:
    """Flip a bit; every other time of a byte that is not 0, since much of a warehouse file is unused."""
    content = bytearray(file.read_bytes())
    if rng.random() < 0.5:
        place = next((n for n in range(place, len(content)) if content[n]), place)
    content[place] ^= 1 << rng.randrange(8)
    file.write_bytes(content)
    return place


def _drawn(rng: random.Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), weights=list(weights.values()))[0]
