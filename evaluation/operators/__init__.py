"""`mixline bench ops`: the expert operators beside QMoE, and the machine's limits."""
