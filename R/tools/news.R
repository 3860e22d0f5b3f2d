# Converts NEWS.md to Rd at every installation (configure): without the packages commonmark and xml2, R cannot read news in Markdown.
# usage: Rscript tools/news.R NEWS.md inst/NEWS.Rd
files <- commandArgs(trailingOnly = TRUE)
text <- gsub("([\\%{}])", "\\\\\\1", readLines(files[[1]], encoding = "UTF-8"))
text <- gsub("`([^`]*)`", "\\\\code{\\1}", text)
text <- sub("^- ", "\\\\item ", text)
head <- grep("^# ", text)
text[head] <- sub("^# [^ ]+ +(.*)", "\\\\section{Changes in version \\1}{\\\\itemize{", text[head])
text[head[-1]] <- paste0("}}\n", text[head[-1]])
writeLines(c("\\name{NEWS}", "\\title{News of the package}", text, "}}"), files[[2]], useBytes = TRUE)
