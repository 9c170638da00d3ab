"""Quick fixes measured: bugs made in real code, and what is offered against them."""
