"""The mathematics that losses and metrics share."""
