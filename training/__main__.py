"""`python -m training`: corpus, tokenizer, bugs, pretrain, plot, measure, export-*."""

import sys

from training.commands import main

if __name__ == "__main__":
    sys.exit(main())
