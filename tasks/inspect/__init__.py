"""What individual units of a trained network do."""
