"""What single units of a trained network do."""
