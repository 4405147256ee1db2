"""The IVR that an operator writes: its model, its engine (pure: it returns actions; bridge/ performs them), hours."""
