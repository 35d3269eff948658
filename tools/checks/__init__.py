"""The rules of the house, one function each: Tree -> list of problems, each a line "place: what is wrong; what to do"."""
from .composites import check_composites
from .format import check_format
from .headers import check_headers
from .layering import check_layering
from .readme import check_readme
from .sources import check_names, check_size, check_words
from .spelling import check_spelling
from .tidy import check_tidy

CHECKS = {
    "layering": check_layering,
    "size": check_size,
    "names": check_names,
    "words": check_words,
    "composites": check_composites,
    "readme": check_readme,
    "spelling": check_spelling,
    "format": check_format,
    "headers": check_headers,
    "tidy": check_tidy,
}
