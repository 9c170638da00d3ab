"""How many bits each matrix gets, and the form in which MatMulNBits takes them."""
