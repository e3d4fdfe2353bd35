"""What is said of the Sentry that guardian tells its own errors to."""


def no_dsn(path: str, reason: str) -> str:
    """The file holds no DSN; guardian goes on without."""
    return f"guardian's own errors are not told to Sentry: {path} holds no DSN ({reason})"


def no_release(service: str) -> str:
    """A deployment without a version has no release to be marked."""
    return f"{service} has no version or no project"


def unknown_project(project: str) -> str:
    """Sentry does not know the project."""
    return f"Sentry knows no project {project}, or the token may not use it: check `projects` and the scope `project:releases`"
