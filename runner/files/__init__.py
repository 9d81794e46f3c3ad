"""Files: finding, writing and replacing them."""
