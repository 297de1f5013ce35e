"""Values and rules without input or output; every layer above imports them."""
