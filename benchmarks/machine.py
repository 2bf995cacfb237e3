"""The machine and the versions that figures hold for."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("duckdb", "polars", "pyarrow", "pandas", "dbt-core", "dbt-duckdb", "great-expectations")


@dataclass(frozen=True)
class Machine:
    """Processor, how many of it, memory, and the versions of what does the work."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    versions: dict[str, str]

    @property
    def sentence(self) -> str:
        """The machine in a few words."""
        return f"{self.processor}, {self.cores} cores, {self.memory_bytes / 2**30:.0f} GiB, {self.system}"


def this_machine() -> Machine:
    """The machine that this runs on."""
    versions = {name: version(name) for name in _LIBRARIES}
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        versions={"python": platform.python_version(), **versions},
    )


def free_disk_bytes(folder: Path) -> int:
    """What is free on the disk of a folder that may have yet to be made."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(nearest).free


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
