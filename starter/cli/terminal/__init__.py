"""What every command uses to print, to tell times and to exit."""
