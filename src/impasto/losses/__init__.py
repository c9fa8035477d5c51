"""Losses: the equations (`functional`) and the objective made of them (`objective`)."""
