"""Programs that guardian starts: bounded in time and output, ended with their children, never through a shell."""
