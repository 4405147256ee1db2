"""What an operator reads: the catalogue of log events, how they are written and masked, and a call's live feed."""
