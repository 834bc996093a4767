"""What everything needs: errors, files, checks of arguments, building by name."""
