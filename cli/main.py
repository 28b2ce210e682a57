"""Entry point of `mesh`. Imports come late, so that Ctrl-C while they run is no traceback either."""

import sys


def main() -> None:
    """Run the command. An error that the user can act on is one message and exit code 1, never a traceback."""
    try:
        from cli.app import app  # noqa: PLC0415 - see above

        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from cli.failures import failure_of  # noqa: PLC0415 - nothing else needs what it imports
        from cli.output import fail  # noqa: PLC0415 - see above

        failure = failure_of(error)
        if failure is None:
            raise
        fail(failure, as_json="--json" in sys.argv)
        sys.exit(1)


if __name__ == "__main__":
    main()
