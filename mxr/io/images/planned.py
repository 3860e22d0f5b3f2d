"""Images whose changes are decided now and computed later, perhaps by another thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mxr.io.images import resize as sizes

Change = Callable[[np.ndarray], np.ndarray]


class Planned:
    """An image (height, width, channels) of uint8, and changes of it.

    Random numbers are drawn in MXNet's order, image after image, when changes are added: that needs only the
    image's shape. `computed` makes them.
    """

    def __init__(self, image: np.ndarray):
        self._image, self._changes = image, list[Change]()
        self.shape: tuple[int, ...] = image.shape  # after the changes

    def change(self, function: Change, height: int | None = None, width: int | None = None) -> None:
        """Add a change, which may make the image `height` times `width` pixels large."""
        self._changes.append(function)
        h, w, channels = self.shape
        self.shape = (h if height is None else height, w if width is None else width, channels)

    def resize(self, height: int, width: int, method: int) -> None:
        """Add a change of the size."""
        self.change(lambda image: sizes.resize(image, height, width, method), height, width)

    def window(self, y: int, x: int, height: int, width: int) -> None:
        """Add a crop, with its upper left corner at row y and column x."""
        self.change(lambda image: image[y : y + height, x : x + width], height, width)

    def computed(self) -> np.ndarray:
        """The image with all changes."""
        image = self._image
        for function in self._changes:
            image = function(image)
        return image
