"""The error that is a person's to mend."""


class InputError(ValueError):
    """Input that can't be used; the message says in one sentence what to do.

    All other errors, ValueErrors among them, are faults of the program: their messages are no advice.
    """
