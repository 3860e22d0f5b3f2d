# caret's own wrappers of this package, method = "mxnet" and "mxnetAdam", on iris: train, cross-validate, predict.
# Run by `make clients`.
suppressPackageStartupMessages(library(caret))

set.seed(1)
rows <- createDataPartition(iris$Species, p = 0.7, list = FALSE)
known <- iris[rows, ]
new <- iris[-rows, ]

grids <- list(
  mxnet = expand.grid(layer1 = 8, layer2 = c(0, 4), layer3 = 0, learning.rate = 0.05, momentum = 0.9, dropout = 0,
                      activation = "tanh"),
  mxnetAdam = expand.grid(layer1 = 8, layer2 = c(0, 4), layer3 = 0, learningrate = 0.02, beta1 = 0.9, beta2 = 0.999,
                          dropout = 0, activation = "tanh"))

check <- function(holds, ...) if (!isTRUE(holds)) stop(..., call. = FALSE)

for (method in names(grids)) {
  set.seed(2)
  spent <- system.time(fit <- suppressMessages(train(
    Species ~ ., data = known, method = method, preProcess = c("center", "scale"), tuneGrid = grids[[method]],
    trControl = trainControl(method = "cv", number = 3, classProbs = TRUE), num.round = 40, array.batch.size = 21)))[["elapsed"]]
  classes <- predict(fit, new)
  chances <- predict(fit, new, type = "prob")
  accuracy <- mean(classes == new$Species)
  cat(sprintf("%-9s  cross-validated %.3f, on new flowers %.3f, %.1f s\n", method, max(fit$results$Accuracy), accuracy, spent))
  check(identical(levels(classes), levels(iris$Species)), method, ": the classes have lost their names")
  check(identical(names(chances), levels(iris$Species)) && all(abs(rowSums(chances) - 1) < 1e-5), method, ": probabilities do not add up")
  check(all(levels(classes)[max.col(as.matrix(chances))] == classes), method, ": classes and probabilities disagree")
  check(accuracy > 0.9, method, ": the accuracy on new flowers is ", accuracy)

  # a model that caret kept is plain R data: it survives saveRDS
  file <- tempfile()
  saveRDS(fit, file)
  check(identical(predict(readRDS(file), new), classes), method, ": predictions differ after saveRDS")

  set.seed(3)
  regression <- suppressMessages(train(
    Sepal.Length ~ ., data = known, method = method, preProcess = c("center", "scale"), tuneGrid = grids[[method]][1, ],
    trControl = trainControl(method = "none"), num.round = 60, array.batch.size = 21))
  error <- RMSE(predict(regression, new), new$Sepal.Length)
  cat(sprintf("%-9s  root of mean squared error of sepal length %.3f\n", method, error))
  check(error < 0.45, method, ": the error of the sepal length is ", error)
}
