"""Words of sentences: numbers of things, and texts too long to show."""

_LONGEST_SHOWN = 60


def counted(count: int, noun: str) -> str:
    """A number of things, in words: 1 row, 2 rows."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(text: str) -> str:
    """The text, cut at 60 characters with an ellipsis for the rest."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def shortened_sql(text: str) -> str:
    """`shortened` of an SQL expression."""
    cut = f"left({text}, {_LONGEST_SHOWN}) || '…'"
    return f"case when length({text}) > {_LONGEST_SHOWN} then {cut} else {text} end"


def money_text(minor: int, *, currency: str, digits: int) -> str:
    """Smallest units as an amount of the currency: 123456 as 1,234.56 EUR."""
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    decimals = f".{part:0{digits}}" if digits else ""
    return f"{sign}{whole:,}{decimals} {currency}"
