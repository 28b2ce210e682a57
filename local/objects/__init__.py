"""What S3 lacks in MiniStack: bucket policies across accounts, details of events, objects that expire, rights to tag.

Within an account MiniStack judges role and bucket policy together, and knows conditional writes;
tests/local/test_objects.py holds it to that.
"""


def install() -> None:
    """Put our parts in the place of MiniStack's. Idempotent."""
    from ministack.services import s3  # noqa: PLC0415  (reads the environment when imported: only on installation)

    from local.objects import events, lifecycle, sharing, tagging  # noqa: PLC0415

    if getattr(s3, "_mesh_objects_installed", False):
        return
    s3._mesh_objects_installed = True
    sharing.install()
    events.install()
    lifecycle.install()
    tagging.install()
