"""Classification and regression of series of one's own."""
