"""Words of sentences: numbers of things, and texts too long to show."""

_LONGEST_SHOWN = 60
_LONGEST_SENTENCE = 1000


def counted(count: int, noun: str) -> str:
    """A number of things, in words: 1 row, 2 rows."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(text: str) -> str:
    """The text, cut at 60 characters with an ellipsis for the rest."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def printable(text: str) -> str:
    r"""The text with what is not seen, or steers a terminal, spelled out: a zero-width space as \u200b."""
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)


def without_keys(sentence: str) -> str:
    """What a gate found, without the keys that it names: a log and a summary name nobody."""
    return sentence.partition(" (")[0].rstrip(".")


def one_sentence(text: str) -> str:
    """A sentence as it is shown: printable, and cut where a name or value in it runs on without end."""
    cut = text if len(text) <= _LONGEST_SENTENCE else f"{text[:_LONGEST_SENTENCE]}…"
    return printable(cut)


def shown_sql(text: str) -> str:
    """`printable` of the `shortened` text of an SQL expression."""
    character = f"substring({text}, i, 1)"
    spelled_out = f"""
        array_to_string(list_transform(
            generate_series(1, least(length({text}), {_LONGEST_SHOWN})),
            lambda i: case
                when {character} <> ' ' and regexp_matches({character}, '[\\p{{C}}\\p{{Z}}]')
                    then format('\\u{{:04x}}', unicode({character}))
                else {character}
            end
        ), '')
    """
    # Nearly every value is ASCII and simply shown.
    as_it_is = f"when regexp_full_match({text}, '[ -~]*') then left({text}, {_LONGEST_SHOWN})"
    shown = f"case {as_it_is} else {spelled_out} end"
    return f"{shown} || case when length({text}) > {_LONGEST_SHOWN} then '…' else '' end"


def money_text(minor: int, *, currency: str, digits: int) -> str:
    """Smallest units as an amount of the currency: 123456 as 1,234.56 EUR."""
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    decimals = f".{part:0{digits}}" if digits else ""
    return f"{sign}{whole:,}{decimals} {currency}"
