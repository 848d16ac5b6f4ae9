"""What operators see across capabilities. Must not write: acting belongs to each capability."""
