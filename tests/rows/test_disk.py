"""Rows on disk: the same rows as numpy's, read no earlier than needed."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

from skstackedae import RowsOnDisk
from skstackedae._rows import disk, files, stored
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._rows.stored import StoredRows, in_memory


class SlicesAlone:
    """An array as simple as can be, which counts the rows that it reads."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.n_read = 0

    def __getitem__(self, key):
        assert isinstance(key, slice)
        assert key.step is None
        self.n_read += len(self.array[key])
        return self.array[key]


@pytest.fixture
def numbers(rng):
    return rng.randint(0, 256, size=(500, 7)).astype(np.uint8)


@pytest.fixture
def small_buffer(monkeypatch):
    """Chunks of 32 bytes, which are one row of seven columns each."""
    monkeypatch.setattr(stored, "CHUNK_BYTES", 32)
    monkeypatch.setattr(stored, "BUFFER_BYTES", 16 * 32)


def memmap_of(array, folder, order="C", mode="r"):
    path = folder / "array.bin"
    path.write_bytes(array.tobytes(order))
    return np.memmap(path, array.dtype, mode=mode, shape=array.shape, order=order)


KEYS = [
    slice(None),
    slice(3, 40),
    slice(40, 3, -2),
    slice(-30, None),
    [5, 3, 3, 499, -1],
    np.array([], dtype=int),
    np.arange(500) % 3 == 0,
]


@pytest.mark.parametrize("make", [np.asarray, SlicesAlone])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_selects_rows_as_numpy_does(numbers, make, key):
    rows = RowsOnDisk(make(numbers))
    selected = rows[key]
    assert isinstance(selected, RowsOnDisk)
    assert selected.shape == numbers[key].shape
    assert_array_equal(np.asarray(selected), numbers[key].astype(np.float32))
    rows = StoredRows(make(numbers), "float32")
    key = key if isinstance(key, slice) else np.asarray(key)
    assert_array_equal(rows.read(key), numbers[key])


@pytest.mark.parametrize("first", KEYS, ids=str)
@pytest.mark.parametrize("second", [slice(1, 4), [1, 0, -1], slice(None, None, -1)])
def test_selections_compose(numbers, first, second):
    if len(numbers[first]) == 0:
        second = slice(1, 4)
    rows = RowsOnDisk(SlicesAlone(numbers))[first][second, ...]
    assert_array_equal(np.asarray(rows), numbers[first][second])


def test_a_selection_reads_only_its_rows(numbers):
    array = SlicesAlone(np.repeat(numbers, 30_000 // 7, axis=1))
    rows = RowsOnDisk(array)
    array.n_read = 0
    selected = rows[[400, 2, 3, 100]]
    assert array.n_read == 0
    np.asarray(selected)
    assert array.n_read == 4


def test_near_rows_are_read_together(numbers):
    array = SlicesAlone(numbers)
    rows = StoredRows(array, "float32")
    array.n_read = 0
    rows.read(np.array([10, 14, 12]))
    assert array.n_read == 5


def test_single_rows_and_length(numbers):
    rows = RowsOnDisk(numbers)
    assert len(rows) == 500
    assert_array_equal(rows[-2], numbers[-2])
    with pytest.raises(IndexError):
        rows[500]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ((slice(None), 0), "cannot select columns"),
        ([500], "out of bounds for 500 rows"),
        ([-501], "out of bounds for 500 rows"),
        (np.ones(3, dtype=bool), "mask of shape"),
        ([0.5], "with integers"),
        ([[0, 1]], "with integers"),
    ],
    ids=str,
)
def test_wrong_selections(numbers, key, message):
    with pytest.raises(IndexError, match=message):
        RowsOnDisk(numbers)[key]


@pytest.mark.parametrize("dtype", [np.float32, "float64"])
def test_conversion_comes_before_the_transform(numbers, dtype):
    seen = []

    def transform(block):
        seen.append(block.dtype)
        return np.hstack([block / 255, block[:, :1]])

    rows = RowsOnDisk(numbers, dtype=dtype, transform=transform)
    assert rows.shape == (500, 8)
    assert rows.dtype == dtype
    exact = numbers.astype(dtype)
    assert_array_equal(np.asarray(rows), np.hstack([exact / 255, exact[:, :1]]))
    assert set(seen) == {np.dtype(dtype)}


def test_a_transform_cannot_change_the_file(numbers, tmp_path):
    def halve(block):
        block /= 2
        return block

    array = memmap_of(numbers.astype(np.float32), tmp_path, mode="r+")
    assert_array_equal(np.asarray(RowsOnDisk(array, transform=halve)), numbers / 2)
    assert_array_equal(array, numbers)


def test_transform_of_more_dimensions(rng):
    images = rng.rand(6, 4, 3)
    rows = RowsOnDisk(images, transform=lambda block: block.reshape(len(block), -1))
    assert_array_equal(np.asarray(rows), images.reshape(6, 12).astype(np.float32))


@pytest.mark.parametrize(
    ("transform", "shape"),
    [(lambda block: block[1:], r"\(0, 7\)"), (lambda block: block.sum(), r"\(\)")],
)
def test_a_transform_that_loses_rows(numbers, transform, shape):
    with pytest.raises(
        ValueError, match=f"transform returned an array of shape {shape}"
    ):
        RowsOnDisk(numbers, transform=transform)


class OfItsOwnType:
    shape, dtype = (2, 3), "its own"

    def __repr__(self):
        return "of its own type"

    def __getitem__(self, key):
        raise AssertionError


@pytest.mark.parametrize(
    ("array", "options", "error", "message"),
    [
        ([[1.0, 2.0]], {}, TypeError, "A list has no shape"),
        (np.array(1.0), {}, ValueError, "no rows"),
        (np.array([["a"]]), {}, ValueError, "needs a numeric type"),
        (np.array([[1j]]), {}, ValueError, "needs a numeric type"),
        (OfItsOwnType(), {}, ValueError, "needs a numeric type"),
        (np.zeros(3), {}, ValueError, "2 dimensions"),
        (np.zeros((2, 3, 4)), {}, ValueError, "2 dimensions"),
        (np.zeros((2, 3)), {"dtype": "int32"}, ValueError, "pass 'float32'"),
        (np.zeros((2, 3)), {"dtype": None}, ValueError, "pass 'float32'"),
        (np.ma.masked_less(np.ones((2, 3)), 2), {}, TypeError, "not an array of"),
        (csr_array(np.eye(3)), {}, TypeError, "not an array of"),
        (np.zeros((2, 3)), {"transform": 255}, TypeError, "not a function"),
    ],
    ids=str,
)
def test_what_is_no_array_of_rows(array, options, error, message):
    with pytest.raises(error, match=message):
        RowsOnDisk(array, **options)


def test_range_and_finiteness(numbers):
    rows = StoredRows(numbers, "float32")
    assert rows.is_finite
    assert rows.value_range() == (numbers.min(), numbers.max())
    assert not StoredRows(
        numbers, "float32", transform=lambda block: np.log(block - 300)
    ).is_finite
    floats = numbers.astype(float)
    assert StoredRows(floats, "float32").is_finite
    floats[400, 3] = np.nan
    assert not StoredRows(floats, "float32").is_finite
    assert StoredRows(floats, "float32").take(slice(400)).is_finite
    floats[400, 3] = 1e300
    assert not StoredRows(floats, "float32").is_finite
    assert StoredRows(floats, "float64").is_finite


def test_asarray_without_a_copy_is_refused(numbers):
    rows = RowsOnDisk(numbers)
    assert np.asarray(rows, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy=False"):
        rows.__array__(copy=False)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "view", [np.s_[:], np.s_[20:300:3], np.s_[:, 2:5], np.s_[::-1]], ids=str
)
def test_pickles_name_the_file(numbers, tmp_path, order, view):
    array = memmap_of(numbers, tmp_path, order)[view]
    rows = RowsOnDisk(array)[5:60]
    pickled = pickle.dumps(rows)
    assert len(pickled) < 2_000
    again = pickle.loads(pickled)
    assert_array_equal(np.asarray(again), np.asarray(rows))
    # Once more, because the array is now a view of another memmap.
    assert_array_equal(np.asarray(pickle.loads(pickle.dumps(again))), np.asarray(rows))


def test_pickles_of_arrays_in_memory_contain_them(numbers):
    rows = pickle.loads(pickle.dumps(RowsOnDisk(numbers)))
    assert_array_equal(np.asarray(rows), numbers)


def test_temporary_rows_have_no_pickle(rng):
    blocks = iter([rng.rand(3, 2), rng.rand(1, 2)])
    written = stored.write_rows(blocks, (4, 2), np.dtype(np.float64), True)
    with pytest.raises(TypeError, match="without a name"):
        pickle.dumps(written)


@pytest.mark.parametrize(
    "transform",
    [
        lambda block: block + 1j,
        lambda block: block.astype(str),
        csr_array,
        lambda block: np.ma.masked_less(block, 9),
    ],
)
def test_transforms_return_numbers(numbers, transform):
    with pytest.raises(TypeError, match="transform returned"):
        RowsOnDisk(numbers, transform=transform)


def test_no_rows(numbers):
    assert RowsOnDisk(numbers[:0], transform=lambda block: 1 / len(block)).shape == (
        0,
        7,
    )


def test_arrays_made_of_rows_on_disk_are_no_views_of_the_file(numbers, tmp_path):
    array = memmap_of(numbers.astype(np.float32), tmp_path, mode="r+")
    for copied in (np.array(RowsOnDisk(array)), RowsOnDisk(array)[0]):
        copied[:] = -1
    assert_array_equal(array, numbers)


def test_far_rows_are_not_read_together(numbers, monkeypatch):
    monkeypatch.setattr(files, "RUN_BYTES", 70)
    array = SlicesAlone(numbers)
    largest = []
    monkeypatch.setattr(
        SlicesAlone,
        "__getitem__",
        lambda self, key: largest.append(key.stop - key.start) or self.array[key],
    )
    rows = StoredRows(array, "float32")
    for positions in (
        np.arange(0, 500, 3),
        np.arange(500)[::-1],
        np.array([4, 4, 499]),
    ):
        assert_array_equal(rows.read(positions), numbers[positions])
    assert max(largest) <= 10


def test_chunks_are_copies(numbers, small_buffer, rng):
    memory = np.empty((500, 7), np.float32)

    def transform(block):
        return np.multiply(block, 2, out=memory[: len(block)])

    rows = StoredRows(numbers, "float32", transform)
    order = rng.permutation(20)
    assert_array_equal(rows.gather(order), 2.0 * numbers[order])


def test_memmaps_that_are_changed_in_memory_have_no_pickle(numbers, tmp_path):
    array = memmap_of(numbers, tmp_path, mode="c")
    with pytest.raises(TypeError, match="mode 'c'"):
        pickle.dumps(RowsOnDisk(array))


def test_pickles_of_datasets_name_them_wherever_one_is(numbers, tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    with h5py.File("array.h5", "w") as file:
        file.create_dataset("pixels", data=numbers)
    pickled = pickle.dumps(RowsOnDisk(h5py.File("array.h5", "r")["pixels"]))
    monkeypatch.chdir(tmp_path.parent)
    assert_array_equal(np.asarray(pickle.loads(pickled)), numbers)


def test_tensorstore(numbers):
    tensorstore = pytest.importorskip("tensorstore")
    rows = RowsOnDisk(tensorstore.array(numbers))
    assert_array_equal(np.asarray(rows[::3]), numbers[::3])
    assert disk.stored(rows).shape == (500, 7)


@pytest.mark.parametrize("module", ["h5py", "zarr"])
def test_other_libraries(numbers, tmp_path, module):
    library = pytest.importorskip(module)
    if module == "h5py":
        file = library.File(tmp_path / "array.h5", "w")
        array = file.create_dataset("pixels", data=numbers, chunks=(64, 7))
    else:
        array = library.open_array(
            str(tmp_path / "array.zarr"),
            mode="w",
            shape=numbers.shape,
            chunks=(64, 7),
            dtype=numbers.dtype,
        )
        array[:] = numbers
    rows = RowsOnDisk(array, dtype="float64")[::-1][3:400]
    assert_array_equal(np.asarray(rows), numbers[::-1][3:400])
    if module == "h5py":
        file.flush()
        file.close()
        with pytest.raises((ValueError, RuntimeError)):
            np.asarray(rows)
        file = library.File(tmp_path / "array.h5", "r")
        rows = RowsOnDisk(file["pixels"], dtype="float64")[::-1][3:400]
    again = pickle.loads(pickle.dumps(rows))
    assert_array_equal(np.asarray(again), np.asarray(rows))


@pytest.mark.parametrize("subset", [slice(None), slice(None, None, 2)])
def test_shuffled_rows_come_from_one_buffer_at_a_time(
    numbers, small_buffer, subset, rng
):
    array = SlicesAlone(numbers)
    rows = StoredRows(array, "float32").take(subset)
    array.n_read = 0
    order = rows.shuffled(None, rng)
    assert_array_equal(np.sort(order), np.arange(len(rows)))
    for start in range(0, len(order), 10):
        batch = order[start : start + 10]
        assert_array_equal(rows.gather(batch), numbers[subset][batch])
    assert array.n_read == len(rows)
    assert len(rows._chunks) <= 2 * stored.CHUNKS_IN_BUFFER


def test_shuffled_views_keep_chunks_together(numbers, small_buffer, rng):
    array = SlicesAlone(numbers)
    rows = StoredRows(array, "float32")
    view = np.flatnonzero(rng.rand(500) < 0.7)
    order = rows.shuffled(view, rng)
    assert_array_equal(np.sort(order), np.arange(len(view)))
    array.n_read = 0
    for start in range(0, len(order), 10):
        batch = view[order[start : start + 10]]
        assert_array_equal(rows.gather(batch), numbers[batch])
    assert array.n_read <= 500


def test_shuffling_few_rows_is_a_permutation(numbers, rng, global_random_seed):
    states = [np.random.RandomState(global_random_seed) for _ in range(2)]
    order = StoredRows(numbers, "float32").shuffled(None, states[0])
    assert_array_equal(order, states[1].permutation(500))


def test_each_row_is_equally_likely_at_each_place(small_buffer, rng):
    """Mean position of each of 64 rows in 2,000 orders, within 5 standard errors."""
    rows = StoredRows(np.zeros((64, 7), dtype=np.uint8), "float32")
    orders = np.array([rows.shuffled(None, rng) for _ in range(2_000)])
    positions = np.argsort(orders, axis=1).mean(axis=0)
    error = np.sqrt((64**2 - 1) / 12 / 2_000)
    assert np.abs(positions - 31.5).max() < 5 * error


def test_content_decides_the_digest(numbers, tmp_path):
    def digest(array, dtype="float32", transform=None):
        return StoredRows(array, dtype, transform).digest()

    expected = digest(memmap_of(numbers, tmp_path))
    assert digest(SlicesAlone(numbers), transform=lambda block: block) == expected
    like_memory = StoredRows(numbers, "float32", is_buffered=False)
    assert like_memory.digest() != expected
    changed = numbers.copy()
    changed[-1, -1] += 1
    others = [
        digest(changed),
        digest(numbers[1:]),
        digest(numbers, "float64"),
        digest(numbers, transform=lambda block: block / 2),
    ]
    assert expected not in others


def test_small_data_are_read(numbers, tmp_path, small_buffer):
    array = memmap_of(numbers, tmp_path)
    rows = RowsOnDisk(array)
    assert isinstance(disk.stored(rows), StoredRows)
    assert disk.stored(rows).is_buffered
    assert isinstance(disk.stored(rows[:10]), np.ndarray)
    assert_array_equal(disk.stored(rows[:10]), numbers[:10])
    assert isinstance(disk.stored(array), StoredRows)
    assert not disk.stored(array).is_buffered
    for other in (array[:4], array[0], array.view("S1"), np.asarray(array), "X"):
        assert disk.stored(other) is other


@pytest.mark.parametrize("like_memory", [False, True])
def test_propagated_rows_are_written_where_they_are_large(
    numbers, small_buffer, like_memory, tmp_path, rng
):
    X = memmap_of(numbers.astype(np.float32), tmp_path)
    X = disk.stored(X) if like_memory else StoredRows(X, "float32")
    w = np.full(500, 1 / 500)
    rows = RowsInBlocks(X, None, w, np.dtype(np.float32), block_rows=64)
    W = rng.rand(7, 5).astype(np.float32)
    few, many = (rows.propagate(lambda A, W: A @ W, W[:, :n]) for n in (1, 5))
    # The first is smaller than the buffer, or than scikit-learn's working memory.
    assert isinstance(many.X, np.ndarray if like_memory else StoredRows)
    assert isinstance(few.X, np.ndarray) == like_memory
    expected = np.vstack([numbers[cut].astype(np.float32) @ W for cut in rows.slices])
    assert_array_equal(in_memory(many.X), expected)


def test_no_space_left_is_an_error(numbers):
    blocks = iter([numbers.astype(np.float32)])
    with pytest.raises((OSError, ValueError)):
        stored.write_rows(blocks, (10**9, 7), np.dtype(np.float32), True)
