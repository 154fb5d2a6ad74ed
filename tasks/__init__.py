"""Training scripts, one folder per task: `python -m tasks.<task>.train --help`."""
