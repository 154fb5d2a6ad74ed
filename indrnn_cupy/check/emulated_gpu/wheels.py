"""Where the nvidia-* wheels of this environment have put their files."""

import importlib.util
from pathlib import Path


def wheel_files(pattern: str) -> list[Path]:
    """Those below any of their folders that match, as `*/bin/nvdisasm`."""
    found = importlib.util.find_spec("nvidia")
    roots = (found and found.submodule_search_locations) or []
    return [path for root in roots for path in sorted(Path(root).glob(pattern))]
