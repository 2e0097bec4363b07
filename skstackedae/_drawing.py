"""What the displays draw with: matplotlib's axes in, its artists out.

matplotlib is imported in functions alone, because the package works without it.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._arrays import Array

# Told apart by colour-blind people, too: M. Okabe and K. Ito, "Color universal design",
# 2008.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

# Size of letters beside many small things, in points.
FONT_SIZE = 8

# How far lines of text are apart, and how wide a letter is, as parts of that.
LINE, LETTER = 1.4, 0.65


def import_pyplot(caller: str) -> Any:
    """Return matplotlib.pyplot, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'skstackedae[plot]'."
        ) from error
    return plt


def new_axes(plt: Any, ax: Any, width: float, height: float) -> Any:
    """Return the given axes, or those of a new figure of this size in inches."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def size_in_points(ax: Any) -> tuple[float, float]:
    """Width and height of axes."""
    box = ax.get_window_extent()
    return 72 * box.width / ax.figure.dpi, 72 * box.height / ax.figure.dpi


class Mosaic(NamedTuple):
    """Images on one axes: the artist, and where each of them is."""

    artist: Any
    lefts: Array
    tops: Array
    width: int
    height: int


def mosaic_inches(images: Array, n_columns: int) -> tuple[float, float]:
    """Return a size of figure at which these images can be seen, and not more."""
    n_images, height, width = images.shape
    columns = min(n_columns, n_images)
    rows = math.ceil(n_images / columns)
    side = float(np.clip(8 / columns, 0.35, 1.0))
    return max(2.5, 0.4 + side * columns), 0.6 + side * rows * height / width


def draw_mosaic(
    ax: Any, images: Array, labels: Sequence[str], n_columns: int, **options: Any
) -> Mosaic:
    """Draw images of one shape row by row, each above its label where that fits."""
    n_images = len(images)
    n_columns = min(n_columns, n_images)
    n_rows = math.ceil(n_images / n_columns)
    # Pixels are repeated, so that gaps may be narrower than one.
    repeats = math.ceil(32 / images.shape[2])
    images = images.repeat(repeats, axis=1).repeat(repeats, axis=2)
    _, height, width = images.shape
    gap = math.ceil(width / 20)
    axes_width, axes_height = size_in_points(ax)
    pixel = min(
        axes_width / (n_columns * (width + gap)),
        axes_height / (n_rows * (height + gap)),
    )
    longest = max(map(len, labels)) * LETTER * FONT_SIZE
    labelled = longest < pixel * width and pixel * height > 3 * FONT_SIZE
    below = gap + (math.ceil(LINE * FONT_SIZE / pixel) if labelled else 0)
    rows, columns = np.divmod(np.arange(n_images), n_columns)
    tops, lefts = rows * (height + below), columns * (width + gap)
    canvas = np.full((n_rows * (height + below), n_columns * (width + gap)), np.nan)
    for image, top, left, label in zip(images, tops, lefts, labels, strict=True):
        canvas[top : top + height, left : left + width] = image
        if labelled:
            ax.text(
                left + width / 2,
                top + height + gap,
                label,
                ha="center",
                va="top",
                fontsize=FONT_SIZE,
            )
    artist = ax.imshow(canvas[:, :-gap], interpolation="nearest", **options)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return Mosaic(artist, lefts - 0.5, tops - 0.5, width, height)


def table_inches(n_rows: int, n_columns: int) -> tuple[float, float]:
    """Return a size of figure at which a heat map can be read."""
    width, height = 0.3 * n_columns, 0.2 * n_rows
    return 3.0 + float(np.clip(width, 1.5, 6.0)), 1.0 + float(np.clip(height, 2, 9))


def draw_table(
    ax: Any, table: Array, names: Sequence[str], columns: Sequence[str], **options: Any
) -> Any:
    """Draw a heat map, with the names of its rows and columns that fit."""
    artist = ax.imshow(table, aspect="auto", interpolation="nearest", **options)
    set_names(ax.yaxis, names, LINE * FONT_SIZE)
    longest = max(map(len, columns))
    set_names(ax.xaxis, columns, (longest + 1) * LETTER * FONT_SIZE)
    return artist


def set_names(axis: Any, names: Sequence[str], points: float) -> None:
    """Name every position on an axis, or every k-th if each name takes that much."""
    width, height = size_in_points(axis.axes)
    available = width if axis.axis_name == "x" else height
    step = math.ceil(len(names) * points / available)
    axis.set_ticks(range(0, len(names), step), names[::step], fontsize=FONT_SIZE)


def halves(plt: Any, ax: Any) -> list[Any]:
    """Return two axes beside each other: in the place of the given one, or new ones."""
    if ax is None:
        return list(plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")[1])
    if isinstance(ax, Sequence | np.ndarray):
        return list(ax)
    ax.set_axis_off()
    return [ax.inset_axes([left, 0, 0.4, 1]) for left in (0, 0.6)]


def scale_by_logarithm(ax: Any) -> None:
    """Make the y axis logarithmic, with numbers that are read at a glance."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
