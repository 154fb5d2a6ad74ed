"""The errors of the emulated GPU."""


class Fault(RuntimeError):
    """A kernel did something that leads to an error or, worse, to wrong results on a GPU."""


class UnknownInstruction(NotImplementedError):
    """An instruction that this interpreter does not know."""

    def __init__(self, text: str, reason: str = "unknown instruction") -> None:
        super().__init__(f"{reason}: {text}")
