"""The adding problem: remember two marked numbers in a long sequence, and output their sum."""
