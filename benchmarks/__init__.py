"""What a call costs: this bridge as a process beside the plain relay that people write, in one run on one machine."""
