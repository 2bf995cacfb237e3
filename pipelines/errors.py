"""The errors of the pipeline: what a person has to mend, and what went wrong by itself."""


class VgiError(Exception):
    """Every error that the command shows as one sentence."""


class BadInput(VgiError):
    """The caller's input cannot be used as it is; the sentence says what to change (exit 2)."""


class JobFailed(VgiError):
    """The job could not be done and left nothing half done (exit 1)."""


class DamageFound(JobFailed):
    """What is stored is not what was stored: the sentence says how to recover, and nothing was done."""
