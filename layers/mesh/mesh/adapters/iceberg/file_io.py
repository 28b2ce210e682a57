"""pyiceberg's files in S3, by boto3: read whole, written once. Metadata and manifests are small; data files are not
read here."""

import io
from types import TracebackType
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from mesh.adapters.aws import code_of, transient_errors, whole_object
from mesh.adapters.s3.storage import GONE, ObjectGone
from mesh.domain.publishing.places import bucket_and_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3File(InputFile, OutputFile):
    """One object. Writing one that exists is refused by S3: names are never used again."""

    def __init__(self, client: "S3Client", location: str) -> None:
        super().__init__(location)
        self._client, (self._bucket, self._key) = client, bucket_and_key(location)
        self._size: int | None = None

    def __len__(self) -> int:
        """Size in bytes."""
        if self._size is None:
            with transient_errors():
                self._size = self._client.head_object(Bucket=self._bucket, Key=self._key)["ContentLength"]
        return self._size

    def exists(self) -> bool:
        """Whether it is there."""
        try:
            return len(self) >= 0
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            return False

    def open(self, seekable: bool = True) -> InputStream:
        """The whole content. Raises ObjectGone."""
        try:
            content, _ = whole_object(self._client, Bucket=self._bucket, Key=self._key)
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            raise ObjectGone(f"{self.location} is gone", bucket=self._bucket, key=self._key) from error
        self._size = len(content)
        return io.BytesIO(content)

    def to_input_file(self) -> "S3File":
        """Itself."""
        return self

    def create(self, overwrite: bool = False) -> OutputStream:
        """A buffer that is written when it is closed."""
        return _Upload(self)

    def put(self, content: bytes) -> None:
        """Write the object. A retry inside the SDK may find its own first attempt: the same bytes are success."""
        self._size = len(content)
        try:
            with transient_errors():
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) != "PreconditionFailed" or self.open().read() != content:
                raise


class _Upload(io.BytesIO):
    def __init__(self, file: S3File) -> None:
        super().__init__()
        self._file = file

    def close(self) -> None:
        if not self.closed:
            self._file.put(self.getvalue())
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # half a file is none
            super().close()
        else:
            self.close()


class S3FileIO(FileIO):
    """pyiceberg's way to S3."""

    def __init__(self, client: "S3Client") -> None:
        super().__init__({})
        self._client = client

    def new_input(self, location: str) -> S3File:
        """See `FileIO`."""
        return S3File(self._client, location)

    def new_output(self, location: str) -> S3File:
        """See `FileIO`."""
        return S3File(self._client, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Refused: staging and verification delete nothing."""
        raise PermissionError(f"{location} is not ours to delete")
