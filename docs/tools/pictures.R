# Draws the pictures of the README from its own snippet: Rscript docs/tools/pictures.R (in the checkout's root)
text <- readLines("README.md")
fences <- grep("^```", text)
start <- grep("^```r$", text)[[1]]
source(textConnection(text[(start + 1):(fences[fences > start][[1]] - 1)]), echo = FALSE)
picture <- function(name, width, height, code) {
  svg(file.path("docs/images", paste0(name, ".svg")), width = width, height = height, bg = "transparent")
  par(fg = "gray50", col.axis = "gray50", col.lab = "gray50")
  eval(code)
  dev.off()
}
picture("curve", 5, 3.2, quote(plot(model, log = "y")))
picture("network", 3.4, 6.2, quote(plot(loss, shape = list(data = c(2, 32), label = 32))))
