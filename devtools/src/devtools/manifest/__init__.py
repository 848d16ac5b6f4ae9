"""Reading automations.yaml and workspace.yaml; it must not start, write or change anything."""
