"""Skeleton action recognition: from the text files of NTU RGB+D to a trained network."""
