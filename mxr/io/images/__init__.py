"""Images as arrays: decoding, resizing, augmenting and pixels, bit for bit as MXNet and OpenCV do it."""
