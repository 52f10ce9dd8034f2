"""What a comparison layer by layer found, as JSON, JUnit, HTML and for Model Explorer."""
