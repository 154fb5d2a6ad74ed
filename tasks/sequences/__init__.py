"""Classification and regression of your own time series."""
