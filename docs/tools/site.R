# R's part of the site: Rscript site.R SOURCES TARGET   (see site.py)
# Knits the vignettes to Markdown in TARGET/vignettes, and the help pages with their examples in TARGET/r.
arguments <- commandArgs(TRUE)
package <- normalizePath(arguments[[1]])
target <- normalizePath(arguments[[2]])
library(mxnet)
options(knitr.graphics.rel_path = TRUE, width = 100)
knitr::opts_knit$set(progress = FALSE, verbose = FALSE)

# Markdown of an R Markdown file, in the folder of `output`.
knit <- function(input, output) {
  dir.create(dirname(output), showWarnings = FALSE, recursive = TRUE)
  old <- setwd(dirname(output))
  on.exit(setwd(old))
  name <- sub("\\.md$", "", basename(output))
  knitr::opts_chunk$restore()
  knitr::opts_chunk$set(fig.path = paste0("figures/", name, "-"), fig.width = 7.6, fig.height = 3.6, dev = "svg",
                        dev.args = list(bg = "transparent"), comment = "#>", collapse = TRUE)
  suppressMessages(knitr::knit(input, basename(output), quiet = TRUE, envir = new.env(parent = globalenv())))
}

for (path in list.files(file.path(package, "vignettes"), "\\.Rmd$", full.names = TRUE)) {
  output <- file.path(target, "vignettes", sub("Rmd$", "md", basename(path)))
  knit(path, output)
  text <- readLines(output)
  title <- sub('^title: "(.*)"$', "\\1", grep("^title:", text, value = TRUE)[[1]])
  head <- which(text == "---")[[2]]
  text <- gsub("\\]\\(([a-z-]+)\\.html\\)", "](\\1.md)", text)               # links between vignettes
  writeLines(c(paste("#", title), text[-seq_len(head)]), output)
  message("vignette: ", basename(path))
}

pages <- list.files(file.path(package, "man"), "\\.Rd$", full.names = TRUE)
read <- lapply(pages, tools::parse_Rd)
field <- function(rd, tag) vapply(Filter(function(x) identical(attr(x, "Rd_tag"), tag), rd), function(x) trimws(paste(unlist(x), collapse = "")), "")
file <- function(rd) gsub("[^A-Za-z0-9_.]", "-", field(rd, "\\name"))
links <- unlist(lapply(read, function(rd) {
  topics <- unique(c(field(rd, "\\name"), field(rd, "\\alias")))
  structure(rep(paste0(file(rd), ".html"), length(topics)), names = topics)
}))

for (rd in read) {
  html <- tempfile(fileext = ".html")
  tools::Rd2HTML(rd, html, package = "mxnet", Links = links, dynamic = FALSE)
  text <- paste(readLines(html), collapse = "\n")
  body <- sub("(?s)^.*?</h2>", "", text, perl = TRUE)
  body <- sub("(?s)<h3>Examples</h3>.*$", "", body, perl = TRUE)
  body <- sub("(?s)(<hr[^>]*>)?<div[^>]*>\\[.*$", "", body, perl = TRUE)
  body <- gsub("(</?)h3>", "\\1h2>", body)                  # the same level as "## Examples" below
  code <- tempfile(fileext = ".R")
  tools::Rd2ex(rd, code)
  example <- if (file.exists(code)) {
    lines <- readLines(code)
    lines <- lines[-seq_len(grep("^### \\*\\* Examples", lines))]
    c("## Examples", "", "```{r}", lines[cumsum(nzchar(lines)) > 0], "```")
  }
  source <- tempfile(fileext = ".Rmd")
  aliases <- setdiff(field(rd, "\\alias"), field(rd, "\\name"))
  # orphan: not in the side bar, since there are too many
  writeLines(c("---", "orphan: true", "---", paste0("# ", field(rd, "\\name"), ": ", field(rd, "\\title")), "", paste0("`", c(field(rd, "\\name"), aliases), "`", collapse = " "), "",
               "```{raw} html", '<div class="r-page">', body, "</div>", "```", "", example), source)
  knit(source, file.path(target, "r", paste0(file(rd), ".md")))
}
message(length(pages), " help pages")
