"""A benchmark's result: everything that was measured, as one document."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bounds import Judged
from benchmarks.figures import Figure, ratio
from benchmarks.machine import Machine
from benchmarks.month import FLOORS, Month
from benchmarks.stages import INGEST_PARTS

# In the order of a month. What an ingest consists of stands before it, the gates of all stages behind them.
SHOWN = ("parse", "scan", *INGEST_PARTS, "ingest", "verify", "settle", "book", "export", "gates")


@dataclass(frozen=True)
class Row:
    """A stage at one size. `net_cpu_s` is without the fixed cost, `of_parse` how many times parsing once."""

    figure: Figure
    fixed_cpu_s: float
    net_cpu_s: float
    of_parse: float | None


@dataclass(frozen=True)
class Result:
    """What was measured on a machine: months, bounds, gaps, and notes that no bound takes up."""

    machine: Machine
    rounds: int
    threads: int
    smallest: Month
    months: Sequence[Month]
    judged: Sequence[Judged]
    gaps: Sequence[str]
    notes: dict[str, Any]

    def rows_of(self, month: Month) -> list[Row]:
        """Every stage of a month."""
        parse = month.figures["parse"].cpu_s
        return [self._row(month, stage, parse=parse) for stage in SHOWN]

    def _row(self, month: Month, stage: str, *, parse: float) -> Row:
        net = month.net(stage, self.smallest)
        fixed = 0.0 if stage in FLOORS else self.smallest.figures[stage].cpu_s
        return Row(month.figures[stage], fixed, net, ratio(net, parse))

    def write_json(self, path: Path) -> None:
        """Write the document for machines."""
        document = {
            "machine": dataclasses.asdict(self.machine),
            "rounds": self.rounds,
            "threads": self.threads,
            "smallest": self._month_document(self.smallest),
            "months": [self._month_document(month) for month in self.months],
            "bounds": [
                {
                    "bound": each.bound.says,
                    "limit": each.bound.limit,
                    "unit": each.bound.unit,
                    "at_least": each.bound.is_least,
                    "measured": each.measured,
                    "met": each.is_met,
                    "at": each.at,
                }
                for each in self.judged
            ],
            "gaps": list(self.gaps),
            "notes": self.notes,
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _month_document(self, month: Month) -> dict[str, Any]:
        return {
            "evses": month.world.evses,
            "meter_rows": month.world.rows,
            "meter_bytes": month.world.bytes,
            "warehouse_bytes": month.warehouse_bytes,
            "stages": {
                row.figure.stage: {
                    "cpu_s": row.figure.cpu_s,
                    "wall_s": row.figure.wall_s,
                    "net_cpu_s": row.net_cpu_s,
                    "of_parse": row.of_parse,
                    "peak_bytes": row.figure.peak_bytes,
                    "cpu_spread": row.figure.cpu_spread,
                    "rounds": [dataclasses.asdict(cost) for cost in row.figure.rounds],
                }
                for row in self.rows_of(month)
            },
            "model_wall_s": dict(sorted(month.model_seconds.items(), key=lambda each: -each[1])),
        }
