"""What can go wrong between a `.cu` file and a running kernel."""


class KernelError(RuntimeError):
    """Any failure to find, compile or launch a kernel."""


class KernelSourceError(KernelError):
    """A kernel file or folder is missing or cannot be read."""


class KernelSignatureError(KernelError):
    """The parameter list of a kernel is not the one that its op passes."""


class KernelCompileError(KernelError):
    """A compiler refused a kernel; the message holds the compiler's own words."""


class CompilerMissingError(KernelError):
    """No compiler for this device: the plain PyTorch reference runs instead."""


def shown(name: object) -> str:
    """A name or path with its odd characters escaped: one line, which can be printed and encoded."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))
