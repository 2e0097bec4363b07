"""X on disk, as the estimators take it."""

from typing import Any

import numpy as np

from .._array_api import Array, DType, compute_dtype
from .files import rows_of_key
from .stored import StoredRows, Transform, fits_buffer, read_if_small


class RowsOnDisk:
    """Rows of an array on disk, as X of the estimators.

    Estimators read, convert and transform blocks of rows one by one, in each pass over
    the data. So X may be larger than memory. Rows that take less than 32 MiB are read
    into memory once.

    Indexing by rows returns other rows on disk without reading them, so that
    cross-validation works. ``numpy.asarray`` reads all rows.

    Parameters
    ----------
    array : array of shape (n_rows, ...)
        A numpy memmap, or any other array with a shape, a dtype and slices of rows that
        numpy can convert, such as those of h5py, zarr or tensorstore.

    dtype : {'float32', 'float64'}, default='float32'
        Precision of the rows, and so of the computation.

    transform : function or None, default=None
        A function of a block of rows, an array in the precision `dtype`. It returns as
        many rows, each computed from the same row of the block alone; they may have
        other columns. Examples are ``lambda block: block / 255`` and the `transform`
        method of a fitted scaler. Threads call it at the same time. For standard
        pickles it must not be a lambda.

    Attributes
    ----------
    shape : (int, int)
        Number of rows, and of columns after `transform`.

    dtype : dtype
        Precision of the rows.

    Notes
    -----
    Three things differ from the same rows in memory. Training with a sparsity penalty
    keeps no activations of all rows and needs one more matrix product instead; the
    result is the same up to rounding. 'adam' shuffles chunks of about 2 MiB, and the
    rows of each 16 chunks among themselves, because single rows take long to read.
    Activations that are the input of the next layer are kept in a temporary file.

    A pickle refers to the file of a memmap or a dataset of h5py, and does not contain
    it. Other arrays must have pickles of their own.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import RowsOnDisk, SparseAutoencoder
    >>> file = tempfile.NamedTemporaryFile()
    >>> pixels = load_digits().data.astype("uint8")
    >>> pixels.tofile(file)
    >>> file.flush()
    >>> array = np.memmap(file.name, "uint8", mode="r", shape=pixels.shape)
    >>> X = RowsOnDisk(array, transform=lambda block: block / 16)
    >>> X
    RowsOnDisk(shape=(1797, 64), dtype=float32)
    >>> model = SparseAutoencoder(25, sparsity_weight=0.1, random_state=0).fit(X)
    >>> model.transform(X[:100]).shape
    (100, 25)
    """

    ndim = 2

    def __init__(
        self,
        array: Any,
        *,
        dtype: Any = "float32",
        transform: Transform | None = None,
    ) -> None:
        self._stored = StoredRows(array, dtype, transform)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self._stored.shape

    @property
    def dtype(self) -> DType:
        """Precision of the rows."""
        return self._stored.dtype

    def __len__(self) -> int:
        return len(self._stored)

    def __repr__(self) -> str:
        return f"RowsOnDisk(shape={self.shape}, dtype={self.dtype})"

    def __getitem__(self, key: Any) -> Any:
        """Return other rows on disk, or for an integer the row itself."""
        key = rows_of_key(key)
        if isinstance(key, int | np.integer):
            row = range(len(self))[int(key)]
            return self._stored.read(slice(row, row + 1))[0].copy()
        rows = object.__new__(RowsOnDisk)
        rows._stored = self._stored.take(key)
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Read all rows."""
        if copy is False:
            raise ValueError("Rows on disk are not in memory: copy=False cannot be.")
        rows = self._stored.read(slice(None))
        return rows.astype(dtype or self.dtype, copy=bool(copy))


def stored(X: Any) -> Any:
    """Return the stored rows of an X that stays on disk, and else X itself.

    Data smaller than the buffer are read into memory. Results of a memmap are those of
    an array in memory, because joblib hands arrays as memmaps to its workers, and a
    search must not depend on the number of workers.
    """
    if isinstance(X, RowsOnDisk):
        # What is remembered of its rows is not to outlive the fit: files change.
        return read_if_small(X._stored.take(slice(None)))
    is_table = isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf"
    if is_table and not fits_buffer(X.size * compute_dtype(X.dtype).itemsize):
        return StoredRows(X, compute_dtype(X.dtype), is_buffered=False)
    return X
