"""What IAM asks of a call: the resource types that its action requires, and the condition keys that it knows."""


def install() -> None:
    """Judge by AWS's Service Authorization Reference. Once per process."""
    from local.authorization import evaluation  # noqa: PLC0415 - after ServerOptions.apply

    evaluation.install()
