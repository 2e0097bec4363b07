"""X on disk, in the form that the estimators accept."""

from typing import Any

import numpy as np

from .._array_api import Array, DType, compute_dtype
from .files import rows_of_key
from .stored import StoredRows, Transform, fits_buffer, read_if_small


class RowsOnDisk:
    """Rows of an array on disk, which the estimators accept as X.

    In each pass over the data, the estimators read, convert and transform one block of
    rows after another, so X may be larger than memory. Data of less than 32 MiB are
    read into memory once.

    Indexing selects rows without reading them, so cross-validation works.
    ``numpy.asarray`` reads all rows.

    Parameters
    ----------
    array : array of shape (n_rows, ...)
        A numpy memmap, or any other array with a shape, a dtype and slices of rows that
        numpy can convert, such as those of h5py, zarr or tensorstore.

    dtype : {'float32', 'float64'}, default='float32'
        Precision of the rows and of the computation.

    transform : function or None, default=None
        Function that is applied to each block of rows, an array of type `dtype`. It
        must return the same number of rows, each computed only from the same row of the
        block; the columns may differ. Examples are ``lambda block: block / 255`` and
        the `transform` method of a fitted scaler. Several threads call the function at
        the same time. The standard `pickle` module cannot save a lambda.

    Attributes
    ----------
    shape : (int, int)
        Number of rows, and number of columns after `transform`.

    dtype : dtype
        Precision of the rows.

    Notes
    -----
    Training differs from training on the same rows in memory in three ways. With a
    sparsity penalty, the activations of all rows are not kept; one more matrix product
    replaces them, and the result is the same up to rounding. 'adam' shuffles chunks of
    about 2 MiB, and then the rows within each group of 16 chunks, because reading
    single rows is slow. Activations that are the input of the next layer are stored in
    a temporary file.

    A pickle refers to the file of a memmap or of an h5py dataset, and does not contain
    the data. Arrays of other types must support pickling themselves.

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
        """Select rows without reading them; an integer returns the row itself."""
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
            raise ValueError("Rows on disk must be read: copy=False is not possible.")
        rows = self._stored.read(slice(None))
        return rows.astype(dtype or self.dtype, copy=bool(copy))


def stored(X: Any) -> Any:
    """Return the stored rows if X stays on disk, and X itself otherwise.

    Data smaller than the buffer are read into memory. A memmap gives the same results
    as an array in memory, because joblib passes arrays to its workers as memmaps, and
    a search must not depend on the number of workers.
    """
    if isinstance(X, RowsOnDisk):
        # Values cached from these rows must not outlive the fit, because files change.
        return read_if_small(X._stored.take(slice(None)))
    is_table = isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "biuf"
    if is_table and not fits_buffer(X.size * compute_dtype(X.dtype).itemsize):
        return StoredRows(X, compute_dtype(X.dtype), is_buffered=False)
    return X
