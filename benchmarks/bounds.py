"""What the system promises of its cost, and whether what was measured keeps to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.figures import growth_exponent


class Unit(StrEnum):
    """Of a bound and of what is measured against it."""

    TIMES = "x"
    SHARE = "share"
    BYTES = "bytes"
    SECONDS = "s"
    EXPONENT = "exponent"
    DIFFERENCES = "differences"


@dataclass(frozen=True)
class Bound:
    """A promise: the most that may be measured, or with `is_least` the least."""

    says: str
    limit: float
    unit: Unit
    is_least: bool = False


@dataclass(frozen=True)
class Judged:
    """A bound with what was measured, None if that could not be told; `at` says at what size, and why."""

    bound: Bound
    measured: float | None
    at: str

    @property
    def is_met(self) -> bool | None:
        """None where nothing was measured."""
        if self.measured is None:
            return None
        if self.bound.is_least:
            return self.measured >= self.bound.limit
        return self.measured <= self.bound.limit


GB = 10**9
INGEST_RATIO = Bound("ingest, fully checked, against one typed read_csv", 2.2, Unit.TIMES)
INGEST_PEAK = Bound("peak memory of the ingest", GB, Unit.BYTES)
INGEST_PEAK_ONE_FILE = Bound("peak memory of the ingest, all meter rows in one file", GB, Unit.BYTES)
INGEST_PEAK_MANY_FILES = Bound("peak memory of the ingest, meter rows in 1,000 files", GB, Unit.BYTES)
DAY_RATIO = Bound("a day, CSV in to exports out, against parsing its meter CSV", 4.0, Unit.TIMES)
MONTH_RATIO = Bound("a loaded month verified and settled, against parsing its meter CSV", 2.5, Unit.TIMES)
MONTH_PEAK = Bound("peak memory of verifying and settling it", 3 * GB, Unit.BYTES)
MONTH_WITHIN_1GB = Bound("tables that differ if it is verified within 1 GB", 0, Unit.DIFFERENCES)
LATE_SHARE = Bound("a late file for a day verified, as a share of the month's verification", 0.15, Unit.SHARE)
AS_OF_RATIO = Bound("reading as of a past instant, against a plain scan", 2.0, Unit.TIMES)
HISTORY_RATIO = Bound("a new day on top of a year, against the same day without", 1.3, Unit.TIMES)
GROWTH = Bound("growth exponent of the CPU seconds of {stage}", 1.12, Unit.EXPONENT)
PEER_LEAD = Bound("the same performances by {peer}, against ours", 3.0, Unit.TIMES, is_least=True)
PEER_EQUAL = Bound("performances of {peer} that differ from ours", 0, Unit.DIFFERENCES)
GATES_SHARE = Bound("all gates, as a share of the ingest without them", 0.15, Unit.SHARE)
WORK_DONE = Bound("pieces of work that failed and could not be measured", 0, Unit.DIFFERENCES)
HELP_SECONDS = Bound("vgi --help", 0.5, Unit.SECONDS)
SAMPLE_SECONDS = Bound("vgi run on the sample, warm", 15.0, Unit.SECONDS)


def named(bound: Bound, **names: str) -> Bound:
    """The bound with the names in its sentence filled in."""
    return Bound(bound.says.format(**names), bound.limit, bound.unit, bound.is_least)


def judge_growth(stage: str, net_cpu_s_by_rows: dict[int, float]) -> Judged:
    """The exponent of one stage over all sizes, its costs without the fixed one."""
    exponent = growth_exponent(net_cpu_s_by_rows)
    sizes = sorted(net_cpu_s_by_rows)
    at = f"{sizes[0]:,} to {sizes[-1]:,} rows"
    if exponent is None:
        at = f"costs too little at {at} to tell"
    return Judged(named(GROWTH, stage=stage), exponent, at)


def missed(judged: Iterable[Judged]) -> Sequence[Judged]:
    """Those that were measured and do not hold."""
    return [each for each in judged if each.is_met is False]
