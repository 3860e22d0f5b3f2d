# NEWS.md as Rd, at every installation (configure): a plain R, without the packages commonmark and xml2, does not read Markdown's.
# usage: Rscript tools/news.R NEWS.md inst/NEWS.Rd
files <- commandArgs(trailingOnly = TRUE)
text <- gsub("([\\%{}])", "\\\\\\1", readLines(files[[1]], encoding = "UTF-8"))
text <- gsub("`([^`]*)`", "\\\\code{\\1}", text)
text <- sub("^- ", "\\\\item ", text)
head <- grep("^# ", text)
text[head] <- sub("^# [^ ]+ +(.*)", "\\\\section{Changes in version \\1}{\\\\itemize{", text[head])
text[head[-1]] <- paste0("}}\n", text[head[-1]])
writeLines(c("\\name{NEWS}", "\\title{News of the package}", text, "}}"), files[[2]], useBytes = TRUE)
