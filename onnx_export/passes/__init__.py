"""Changes of weights that leave the function as it is and make an operator take them."""
