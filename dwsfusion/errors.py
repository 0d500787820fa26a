"""The errors that a user can mend."""


class InputError(ValueError):
    """Something given from outside does not fit: the message says what was expected, found, and what to do."""


class ImageError(InputError):
    """One picture cannot be used; the others still can."""


class OutputError(InputError, OSError):
    """A file cannot be written: the disk is full, or the folder is not ours to write to."""
