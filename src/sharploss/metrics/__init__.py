"""What is measured on restored images."""
