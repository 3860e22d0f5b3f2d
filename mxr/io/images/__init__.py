"""Images as arrays: decode, resize, augment, change pixels. MXNet's and OpenCV's arithmetic, bit for bit."""
