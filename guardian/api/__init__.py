"""HTTP on a unix socket: for the shell, for CI, for Prometheus."""
