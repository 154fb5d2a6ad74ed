"""What the emulated GPU refuses to do."""


class Fault(RuntimeError):
    """A kernel did what a GPU punishes with an error or, worse, with wrong numbers."""


class UnknownInstruction(NotImplementedError):
    """An instruction that this interpreter was not taught."""

    def __init__(self, text: str, reason: str = "unknown instruction") -> None:
        super().__init__(f"{reason}: {text}")
