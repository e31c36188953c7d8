"""What the user gives, checked: specification, configuration, catalogue, state."""
