"""What is known of official models beyond their files: what inputs and outputs mean."""
