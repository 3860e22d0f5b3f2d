# The focal loss of a binary classifier: p is the predicted probability, y the label (0 or 1).
focal <- function(p, y, gamma = 2) {
  right <- y * p + (1 - y) * (1 - p)
  mx.symbol.MakeLoss(-1 * (1 - right)^gamma * mx.symbol.log(right), name = "focal")
}
