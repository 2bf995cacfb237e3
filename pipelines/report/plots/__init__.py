"""The report's plots: Vega-Lite by Altair, of rows that were summed before.

Energy and money come as whole numbers of smallest units; a plot divides them for its axis. Times are texts of
the programme's local time: a plot would show an instant in the time zone of whoever looks.
"""

from collections.abc import Callable

from pipelines.report.figures import Figures
from pipelines.report.plots import events, meters, open_work, payees
from pipelines.report.plots.drawing import Plot

_MAKERS: tuple[Callable[[Figures], Plot | None], ...] = (
    events.achievement,
    events.levels,
    events.half_hours,
    payees.users,
    payees.users_distribution,
    payees.managers,
    payees.managers_distribution,
    open_work.leases,
    meters.completeness,
    meters.qualities,
    open_work.exceptions,
    open_work.hold_reasons,
)


def plots_of(figures: Figures) -> dict[str, Plot]:
    """The plots of a report by name; one that would show nothing is left out."""
    made = (maker(figures) for maker in _MAKERS)
    return {each.name: each for each in made if each is not None}
