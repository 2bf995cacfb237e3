"""Every expectation by name: its gate and evidence, rule, severity, and what a person does about it.

The one place that tells warning and blocking apart. What the rulebook allows to happen (late reads, unknown
references) is a warning; what only a fault of the system can bring about, or somebody who wrote to the
warehouse, is blocking: nothing then passes the gate.
"""

from dataclasses import dataclass
from enum import StrEnum


class Gate(StrEnum):
    """The three gates, in the order in which data meets them."""

    LANDING = "landing"
    BEFORE_SETTLEMENT = "before settlement"
    BEFORE_EXPORT = "before export"


class Severity(StrEnum):
    """What a red expectation does: it is told, or nothing passes."""

    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expectation.

    `evidence` names the frame that it judges; `says` what has to hold; `fault` what is counted where it does
    not.
    """

    name: str
    gate: Gate
    evidence: str
    rule: str
    severity: Severity
    says: str
    fault: str
    remedy: str

    @property
    def is_blocking(self) -> bool:
        """Whether nothing passes the gate while it is red."""
        return self.severity is Severity.BLOCKING


# Of the rows of a file, in hundredths of a percent.
MOST_QUARANTINED_BP = 500
# A correction may come two months late; a feed whose newest fact is older has stopped.
MOST_DAYS_BEHIND = 62

_MEND_AND_REDELIVER = "Look at them (vgi status --quarantine) and have them delivered again, mended."
_REPORT_SYSTEM_FAULT = (
    "No delivery can cause this: report it with the file, and ingest again once it is mended."
)
_RESTORE = (
    "Keep the warehouse, find out what wrote to it, restore it from a copy (or rebuild it), and export again."
)
_ASK_FOR_ROWS = "Ask for the registry row, or for the right id; the list of exceptions names each."

_LANDING = (
    Check(
        name="every_delivery_is_judged",
        gate=Gate.LANDING,
        evidence="deliveries",
        rule="R6",
        severity=Severity.BLOCKING,
        says="Every file that this ingest took in is registered as a delivery.",
        fault="deliveries registered",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="delivery_rows_add_up",
        gate=Gate.LANDING,
        evidence="deliveries",
        rule="R6",
        severity=Severity.BLOCKING,
        says="Of every delivery, rows in = accepted + duplicate + quarantined.",
        fault="deliveries whose rows do not add up",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="accepted_rows_are_loaded",
        gate=Gate.LANDING,
        evidence="deliveries",
        rule="R6",
        severity=Severity.BLOCKING,
        says="As many rows stand in the feed's table as were accepted.",
        fault="deliveries with other rows loaded than accepted",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="quarantine_has_reasons",
        gate=Gate.LANDING,
        evidence="deliveries",
        rule="R6",
        severity=Severity.BLOCKING,
        says="Of every delivery with rows in quarantine, the reasons are kept.",
        fault="deliveries with rows in quarantine and no reason",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="deliveries_are_read",
        gate=Gate.LANDING,
        evidence="deliveries",
        rule="R6",
        severity=Severity.WARNING,
        says="No file was refused whole.",
        fault="files refused whole",
        remedy="`vgi status` says why; have them delivered again, mended.",
    ),
    Check(
        name="quarantine_rate_is_low",
        gate=Gate.LANDING,
        evidence="deliveries",
        rule="R6",
        severity=Severity.WARNING,
        says=f"Of every file read, at most {MOST_QUARANTINED_BP // 100}% of the rows went to quarantine.",
        fault=f"files with more than {MOST_QUARANTINED_BP // 100}% of their rows in quarantine",
        remedy=_MEND_AND_REDELIVER,
    ),
    Check(
        name="columns_within_domain",
        gate=Gate.LANDING,
        evidence="feeds",
        rule="R3",
        severity=Severity.BLOCKING,
        says="Every value loaded is in its column's set or range.",
        fault="rows loaded with a value outside its set or range",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="row_rules_hold",
        gate=Gate.LANDING,
        evidence="feeds",
        rule="R1",
        severity=Severity.BLOCKING,
        says="Every row loaded keeps the rules over its columns: ends after starts, starts on the half hour.",
        fault="rows loaded that break a rule over their columns",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="one_version_in_force",
        gate=Gate.LANDING,
        evidence="feeds",
        rule="R6",
        severity=Severity.BLOCKING,
        says="Of every key delivered, one version is in force.",
        fault="keys with more than one version in force",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="facts_are_not_ahead",
        gate=Gate.LANDING,
        evidence="feeds",
        rule="R6",
        severity=Severity.WARNING,
        says="No read and no session lies after its receipt.",
        fault="reads or sessions that lie after their receipt",
        remedy="Ask whether the clock of the meter, of the charger or of --received-at is wrong.",
    ),
    Check(
        name="facts_are_fresh",
        gate=Gate.LANDING,
        evidence="feeds",
        rule="R6",
        severity=Severity.WARNING,
        says=f"The newest read or session delivered is at most {MOST_DAYS_BEHIND} days older than receipt.",
        fault=f"feeds whose newest fact is more than {MOST_DAYS_BEHIND} days old",
        remedy="Ask the sender whether the feed has stopped; a correction of old days needs nothing.",
    ),
    Check(
        name="meter_days_are_complete",
        gate=Gate.LANDING,
        evidence="meter_intervals",
        rule="R5",
        severity=Severity.WARNING,
        says=(
            "Every day (UTC) of a meter that this ingest touched has a read in each half hour between the"
            " meter's reads of the day before and the day after."
        ),
        fault="meter-days with half hours missing",
        remedy="Ask for the missing reads in a new file; what needs them is held until they come (R15).",
    ),
    Check(
        name="one_read_per_half_hour",
        gate=Gate.LANDING,
        evidence="meter_intervals",
        rule="R6",
        severity=Severity.BLOCKING,
        says="Of every meter and half hour, one read is in force.",
        fault="meter-days with half hours read twice",
        remedy=_REPORT_SYSTEM_FAULT,
    ),
    Check(
        name="backfeed_within_rating",
        gate=Gate.LANDING,
        evidence="meter_intervals",
        rule="R3",
        severity=Severity.WARNING,
        says=(
            "No half hour's backfeed exceeds what the EVSEs behind the meter can discharge: rated power x"
            " half an hour."
        ),
        fault="meter-days with more backfeed in a half hour than rated power x time",
        remedy="Ask whether the meter's unit or rated_discharge_w is wrong, or something else feeds in.",
    ),
    Check(
        name="charged_within_rating",
        gate=Gate.LANDING,
        evidence="charger_sessions",
        rule="R16",
        severity=Severity.WARNING,
        says="No session charged more than the EVSE's rated power x its time.",
        fault="sessions that charged more than rated power x time",
        remedy="Ask whether the charger's unit or the EVSE's rated_charge_w is wrong.",
    ),
    Check(
        name="discharged_within_rating",
        gate=Gate.LANDING,
        evidence="charger_sessions",
        rule="R16",
        severity=Severity.WARNING,
        says="No session discharged more than the EVSE's rated power x its time.",
        fault="sessions that discharged more than rated power x time",
        remedy="Ask whether the charger's unit or the EVSE's rated_discharge_w is wrong.",
    ),
)


def _references(facts: str, says: str) -> Check:
    return Check(
        name=f"references_of_{facts}",
        gate=Gate.BEFORE_SETTLEMENT,
        evidence="references",
        rule="R25",
        severity=Severity.WARNING,
        says=says,
        fault=f"unknown references of {facts}",
        remedy=_ASK_FOR_ROWS,
    )


_BEFORE_SETTLEMENT = (
    Check(
        name="verified_for_this_run",
        gate=Gate.BEFORE_SETTLEMENT,
        evidence="verification",
        rule="R23",
        severity=Severity.BLOCKING,
        says="What stands verified was verified for this run.",
        fault="verifications of another run",
        remedy="Settle again: the period is then verified anew.",
    ),
    Check(
        name="tariff_in_force",
        gate=Gate.BEFORE_SETTLEMENT,
        evidence="tariffs",
        rule="R21",
        severity=Severity.BLOCKING,
        says=(
            "On the first day of the period and on every date of an event, the verification had a tariff in"
            " force."
        ),
        fault="dates without a tariff in force",
        remedy="Add a tariff file whose effective_from is not later, and settle again.",
    ),
    Check(
        name="kinds_asked_for_have_rates",
        gate=Gate.BEFORE_SETTLEMENT,
        evidence="amount_kinds",
        rule="R19",
        severity=Severity.WARNING,
        says="Every amount kind that signals of the period ask for has a rate in a tariff of the period.",
        fault="amount kinds asked for without a rate",
        remedy="They earn 0 points; if that is not meant, give the tariff a rate in a version of its own.",
    ),
    _references("sessions", "Every session's EVSE and vehicle are known."),
    _references("offers", "Every offer's EVSE is known."),
    _references("leases", "Every lease's EVSE and vehicle are known when it begins."),
    _references("signals", "Every signal's event and vehicle are known."),
    _references("instructions", "Every instruction's event and aggregator are known."),
    _references(
        "registry",
        "Every EVSE's contract, vehicle's child aggregator and child aggregator's parent is known.",
    ),
    Check(
        name="events_have_signals",
        gate=Gate.BEFORE_SETTLEMENT,
        evidence="events",
        rule="R13",
        severity=Severity.WARNING,
        says="Every event of the period has a signal to settle.",
        fault="events without a signal to settle",
        remedy="Ask the child aggregators for the signals that they sent before the event began.",
    ),
    Check(
        name="instructions_add_up",
        gate=Gate.BEFORE_SETTLEMENT,
        evidence="instructions",
        rule="R13",
        severity=Severity.WARNING,
        says="Of every event, a parent's child aggregators were instructed what the parent was.",
        fault="parent aggregators whose children were instructed another sum",
        remedy="Ask the parent aggregator which instructions are missing, or were sent in vain.",
    ),
)


def _of_export(name: str, evidence: str, rule: str, says: str, fault: str) -> Check:
    return Check(
        name=name,
        gate=Gate.BEFORE_EXPORT,
        evidence=evidence,
        rule=rule,
        severity=Severity.BLOCKING,
        says=says,
        fault=fault,
        remedy=_RESTORE,
    )


_BEFORE_EXPORT = (
    _of_export(
        "metered_is_attributed",
        "meters",
        "R26",
        "In both directions, metered Wh = attributed + unattributed.",
        "directions of energy that do not balance",
    ),
    _of_export(
        "performances_are_their_lines",
        "balances",
        "R26",
        "What a performance achieved and is paid for is the sum of its lines.",
        "performances that are not the sum of their lines",
    ),
    _of_export(
        "utility_is_its_vehicles",
        "balances",
        "R26",
        "Of every event, the utility's achieved energy is that of its vehicles.",
        "events whose utility achieved another sum than the vehicles",
    ),
    _of_export(
        "children_are_their_vehicles",
        "balances",
        "R26",
        "Of every event, a child aggregator's achieved energy is that of its vehicles.",
        "child aggregators that achieved another sum than their vehicles",
    ),
    _of_export(
        "utility_is_its_parents",
        "balances",
        "R26",
        "Of every event, what the utility instructed is what its parent aggregators were.",
        "events whose utility instructed another sum than the parents were",
    ),
    _of_export(
        "users_are_their_lines",
        "balances",
        "R26",
        "A user's points are those of the lines of the user's vehicles.",
        "users whose points are not the sum of their lines",
    ),
    _of_export(
        "claims_are_amounts",
        "balances",
        "R26",
        "What users and managers claim is what they were found to be owed.",
        "payees whose claims are not what was found",
    ),
    _of_export(
        "statements_are_found",
        "ledger",
        "R26",
        "What payees are shown is what the run found.",
        "payees shown another amount than was found",
    ),
    _of_export(
        "statements_are_booked",
        "ledger",
        "R26",
        "What payees are shown as booked before and now is what the ledger has.",
        "payees shown another amount than the ledger has",
    ),
    _of_export(
        "bookings_are_claims",
        "ledger",
        "R24",
        "All bookings of the period up to this run come to what it claims.",
        "ledger keys whose bookings do not come to the claim",
    ),
    _of_export(
        "debits_are_credits",
        "ledger",
        "R24",
        "Every booking has a debit and a credit of its size.",
        "bookings whose debits and credits do not balance",
    ),
    _of_export(
        "payees_have_bookings",
        "ledger",
        "R26",
        "Every payee who is owed something has a booking.",
        "payees without a booking",
    ),
    _of_export(
        "replays_book_nothing",
        "ledger",
        "R23",
        "A replay has no booking.",
        "bookings of a replay",
    ),
    _of_export(
        "every_file_is_judged",
        "files",
        "R26",
        "Each of the nine files was written.",
        "files written",
    ),
    _of_export(
        "files_hold_every_row",
        "files",
        "R26",
        "Every file has as many lines as the run has rows.",
        "files with other rows than the run has",
    ),
    _of_export(
        "control_totals_are_stored",
        "files",
        "R26",
        "The control totals of every file are those of what the run stored.",
        "files whose control totals are not what was stored",
    ),
    _of_export(
        "cells_are_formula_safe",
        "files",
        "R26",
        "No text cell would run as a formula in a spreadsheet, or tears its line.",
        "cells that a spreadsheet would run as a formula, or that tear their line",
    ),
)

CHECKS: dict[str, Check] = {check.name: check for check in (*_LANDING, *_BEFORE_SETTLEMENT, *_BEFORE_EXPORT)}
