"""What tests of one's own parts and experiments are made of."""
